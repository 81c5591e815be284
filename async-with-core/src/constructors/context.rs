use std::fmt::{self, Debug};
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::handover::BoxFuture;
use crate::locking::lock;
use crate::manager::ENTERED_ONCE;
use crate::{AsyncContextManager, Outcome};

/// A manager written as one function: it acquires, runs the body, and releases.
///
/// The function is given the [`Body`], and must return the [`Done`] that running it gives. As running takes the body, and
/// there is no other way to a `Done`, a function that compiles runs its body once, or fails before.
///
/// What the function does before it runs the body is the manager's `enter`, and what it does after is the `exit`; both share
/// its variables. `Done` says how the body ended. As for every exit, what follows on the body runs on every way out, and
/// detached when the block is dropped.
///
/// Blocks in the function end as the function goes: how the body ended they are not told. A transaction around
/// `body.run(..)` is rolled back after a failed body only if its own block fails, so look at
/// [`Done::outcome`] there.
///
/// # Errors
///
/// The block's value is the error that the function returns.
///
/// # Panics
///
/// Panics if the function returns the `Done` of another context.
///
/// # Cancel safety
///
/// Dropped before the body begins, the function is dropped at its current await.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncContextManager, async_with, context};
/// use std::io;
///
/// fn workspace(name: &'static str) -> impl AsyncContextManager<Value = Vec<u8>, Error = io::Error> {
///     context(move |body| async move {
///         println!("opening {name}");
///         let (notes, done) = body.run(Vec::new()).await;
///         println!("the body of {name} {}, and left {} bytes", done.outcome(), notes.len());
///         Ok(done)
///     })
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// async_with!(workspace("a") as notes => notes.extend(b"found it"))?;
/// # Ok::<_, io::Error>(())
/// # }).unwrap();
/// ```
pub fn context<V, E, F, X>(function: F) -> ContextFn<V, F, E>
where
    V: Send + 'static,
    E: Debug + Send + 'static,
    F: FnOnce(Body<V>) -> X + Send + 'static,
    X: Future<Output = Result<Done, E>> + Send + 'static,
{
    ContextFn { function: Some(function), running: None, value: PhantomData }
}

/// A manager written as one function: see [`context`].
#[must_use = "a context manager does nothing unless it is entered"]
pub struct ContextFn<V, F, E> {
    function: Option<F>,
    running: Option<Running<V, E>>,
    value: PhantomData<fn() -> V>,
}

/// The body of the block, for the function of a [`context`].
#[must_use = "a context runs its body: `body.run(value).await`"]
pub struct Body<V> {
    exchange: Arc<Exchange<V>>,
}

/// The proof that a function has run its body, which it returns.
#[derive(Debug)]
#[must_use = "a context returns what running its body gave: `Ok(done)`"]
pub struct Done {
    outcome: Outcome,
    /// Of which context. It holds on to the key, so that no later context has the same.
    of: Key,
}

impl Done {
    /// How the body ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}

impl<V> Body<V> {
    /// Lends the value to the body, and awaits its end.
    ///
    /// The value comes back as the body left it.
    ///
    /// # Cancel safety
    ///
    /// If the function drops this future, the body goes on all the same; its value is dropped at its end, and the function
    /// can only fail.
    ///
    /// In a task of its own, this never ends if the function fails, or is dropped, before the body has begun; the value is
    /// dropped then.
    pub async fn run(self, value: V) -> (V, Done) {
        let of = Arc::clone(&self.exchange.key);
        self.exchange.put(State::Lent(value));
        let (value, outcome) = self
            .exchange
            .take(|state| match state {
                State::Returned(value, outcome) => Ok((value, outcome)),
                other => Err(other),
            })
            .await;
        (value, Done { outcome, of })
    }
}

/// Stands for one context, by its address.
type Key = Arc<()>;

/// Where the value changes hands between the function and the block.
struct Exchange<V> {
    key: Key,
    state: Mutex<(State<V>, Option<Waker>)>,
}

enum State<V> {
    /// Nobody has it here: it is still to come, or in the body.
    Elsewhere,
    Lent(V),
    Returned(V, Outcome),
}

impl<V> Exchange<V> {
    fn lock(&self) -> MutexGuard<'_, (State<V>, Option<Waker>)> {
        lock(&self.state)
    }

    fn put(&self, state: State<V>) {
        let waiting = {
            let mut exchange = self.lock();
            exchange.0 = state;
            exchange.1.take()
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll_take<T>(&self, cx: &Context<'_>, wanted: impl Fn(State<V>) -> Result<T, State<V>>) -> Poll<T> {
        let mut exchange = self.lock();
        match wanted(std::mem::replace(&mut exchange.0, State::Elsewhere)) {
            Ok(taken) => Poll::Ready(taken),
            Err(other) => {
                *exchange = (other, Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    async fn take<T>(&self, wanted: impl Fn(State<V>) -> Result<T, State<V>>) -> T {
        poll_fn(|cx| self.poll_take(cx, &wanted)).await
    }
}

/// The function between its beginning and its end.
struct Running<V, E> {
    future: BoxFuture<Result<Done, E>>,
    exchange: Arc<Exchange<V>>,
}

impl<V, E> Running<V, E> {
    /// Panics unless the function has run its own body.
    fn check(&self, done: &Done) {
        assert!(
            Arc::ptr_eq(&done.of, &self.exchange.key),
            "the function of a `context` returned the `Done` of another one, without having run its body"
        );
    }
}

impl<V, E> Drop for Running<V, E> {
    /// If the function failed, or was dropped, before the body began, a `run` in a task of its own never ends. What it has
    /// lent must not wait with it.
    fn drop(&mut self) {
        let mut exchange = self.exchange.lock();
        if matches!(exchange.0, State::Lent(_)) {
            let lent = std::mem::replace(&mut *exchange, (State::Elsewhere, None));
            drop(exchange);
            drop(lent);
        }
    }
}

impl<V, E, F, X> AsyncContextManager for ContextFn<V, F, E>
where
    V: Send + 'static,
    E: Debug + Send + 'static,
    F: FnOnce(Body<V>) -> X + Send + 'static,
    X: Future<Output = Result<Done, E>> + Send + 'static,
{
    type Value = V;
    type Error = E;

    async fn enter(&mut self) -> Result<V, E> {
        let function = self.function.take().expect(ENTERED_ONCE);
        let exchange =
            Arc::new(Exchange { key: Key::default(), state: Mutex::new((State::Elsewhere, None)) });
        let future = Box::pin(function(Body { exchange: Arc::clone(&exchange) }));
        let mut running = Running { future, exchange };
        let value = poll_fn(|cx| {
            if let Poll::Ready(ended) = running.future.as_mut().poll(cx) {
                return Poll::Ready(Err(ended));
            }
            running
                .exchange
                .poll_take(cx, |state| match state {
                    State::Lent(value) => Ok(value),
                    other => Err(other),
                })
                .map(Ok)
        })
        .await;
        match value {
            Ok(value) => {
                self.running = Some(running);
                Ok(value)
            }
            Err(Err(error)) => Err(error),
            Err(Ok(done)) => {
                running.check(&done);
                unreachable!("a body ends after it has begun")
            }
        }
    }

    async fn exit(self, value: V, outcome: Outcome) -> Result<(), E> {
        let mut running = self.running.expect("a context is exited after it was entered");
        running.exchange.put(State::Returned(value, outcome));
        let done = running.future.as_mut().await?;
        running.check(&done);
        Ok(())
    }
}

impl<V, F, E> Debug for ContextFn<V, F, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextFn").finish_non_exhaustive()
    }
}

impl<V> Debug for Body<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}
