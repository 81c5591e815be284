//! The scope that runs enter → body → exit.
//!
//! This file alone knows the order of enter, body, exit, panic and drop; what becomes of the results is in `ending`.
//! What an expansion of `async_with!` does, step by step:
//!
//! 1. [`Scope::enter`] awaits the manager's `enter`. From then on the scope is armed: dropping it cuts the block.
//! 2. [`Scope::open`] lends the value to the body, and [`Driver::run`] polls the body until it stops, in one of the ways of
//!    [`Stop`]. A body that completes or jumps says so through its [`Flag`] and then never resolves, so that resolving
//!    is left to mean `return`. The body is dropped before the exit starts.
//! 3. [`Ending::new`](crate::ending::Ending::new) decides what exit is told.
//! 4. [`Scope::exit`] waits for detached exits of nested blocks, then awaits the manager's `exit`.
//! 5. [`Ending::conclude`](crate::ending::Ending::conclude) weighs the body's end against the exit's result, and says how
//!    the block is left.
//!
//! `with!` does the same with a [`SyncScope`].

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use crate::ending::Exited;
use crate::handover::Runtime;
use crate::lost::Site;
use crate::nesting::{Current, Place};
use crate::{ContextManager, Interrupt, LocalAsyncContextManager, Outcome};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// A way out of the block that the macro found in the body, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    Break(usize),
    Continue(usize),
}

/// How a body that does not resolve says why it stopped.
///
/// It is only ever touched by the task that polls the body; it is atomic because a shared `Cell` would make the future
/// not `Send`. A relaxed access costs what a plain one does.
#[derive(Default)]
pub struct Flag(AtomicUsize);

impl Flag {
    const RUNNING: usize = 0;
    const COMPLETED: usize = 1;
    const FIRST_JUMP: usize = 2;

    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The end of the body: its value has been stored.
    pub async fn complete(&self) -> Infallible {
        self.0.store(Self::COMPLETED, Ordering::Relaxed);
        pending().await
    }

    /// A `break` or `continue` out of the block.
    pub async fn jump(&self, jump: Jump) -> Infallible {
        let code = match jump {
            Jump::Break(way) => 2 * way,
            Jump::Continue(way) => 2 * way + 1,
        };
        self.0.store(code + Self::FIRST_JUMP, Ordering::Relaxed);
        pending().await
    }

    fn stop<R, E>(&self) -> Option<Stop<R, E>> {
        match self.0.load(Ordering::Relaxed) {
            Self::RUNNING => None,
            Self::COMPLETED => Some(Stop::Completed),
            code => {
                let code = code - Self::FIRST_JUMP;
                let jump = if code % 2 == 0 { Jump::Break } else { Jump::Continue };
                Some(Stop::Jumped(jump(code / 2)))
            }
        }
    }
}

/// Why a body is no longer running. `R` is what the enclosing function returns.
pub enum Stop<R, E> {
    Completed,
    Returned(R),
    Jumped(Jump),
    Interrupted(E),
    Panicked(Payload),
}

impl<R, E> Stop<R, E> {
    /// What stopped the body, after the manager has observed it; a panic while observing is one of the body.
    #[must_use]
    pub fn observed(self, observing: Result<(), Payload>) -> Self {
        observing.map_or_else(Stop::Panicked, |()| self)
    }
}

/// Runs a body in the name of one scope.
pub struct Driver<'a, E> {
    place: &'a Place,
    interrupt: Result<Interrupt<E>, Payload>,
}

impl<'a, E> Driver<'a, E> {
    /// Polls the body until it stops, and drops it.
    ///
    /// The body is pinned by the caller: passing it by value would double the size of the future at each level of nesting.
    pub async fn run<F: Future>(self, mut body: Pin<&mut Option<F>>, flag: &Flag) -> Stop<F::Output, E> {
        match self.start() {
            Ok(mut run) => poll_fn(|cx| run.step(&mut body, flag, cx)).await,
            Err(payload) => Stop::Panicked(payload),
        }
    }

    fn start(self) -> Result<Run<'a, E>, Payload> {
        Ok(Run { current: self.place.body(), place: self.place, interrupt: self.interrupt? })
    }
}

/// A body that is being run.
struct Run<'a, E> {
    place: &'a Place,
    current: Current,
    interrupt: Interrupt<E>,
}

impl<E> Run<'_, E> {
    /// Polls the body once, then the interrupt. When one of them stops the body, both are dropped.
    fn step<F: Future>(
        &mut self,
        body: &mut Pin<&mut Option<F>>,
        flag: &Flag,
        cx: &mut Context<'_>,
    ) -> Poll<Stop<F::Output, E>> {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let running = body.as_mut().as_pin_mut().expect("a body is not polled after it has stopped");
            let polled = self.interrupt.around(|| self.current.during(|| running.poll(cx)));
            match polled {
                Poll::Ready(returned) => Poll::Ready(Stop::Returned(returned)),
                Poll::Pending => match flag.stop() {
                    Some(stop) => Poll::Ready(stop),
                    None => self.interrupt.poll(cx).map(Stop::Interrupted),
                },
            }
        }));
        self.place.polled(&self.current);
        let mut stop = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(stop)) => stop,
            Err(payload) => Stop::Panicked(payload),
        };
        // What a jump or an interrupt left alive in the body goes now, before the exit. The first panic counts.
        let drops = [
            catch_unwind(AssertUnwindSafe(|| body.set(None))),
            catch_unwind(AssertUnwindSafe(|| self.interrupt = Interrupt::never())),
        ];
        for payload in drops.into_iter().filter_map(Result::err) {
            if !matches!(stop, Stop::Panicked(_)) {
                stop = Stop::Panicked(payload);
            }
        }
        Poll::Ready(stop)
    }
}

/// Polls a future, and gives a panic as an error.
pub(crate) async fn unwinding<F: Future + Unpin>(mut future: F) -> Result<F::Output, Payload> {
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut future).poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(payload) => Poll::Ready(Err(payload)),
    })
    .await
}

/// One block over an asynchronous manager.
pub struct Scope<M: LocalAsyncContextManager> {
    pub(crate) manager: Option<M>,
    /// There from the end of enter to the beginning of exit: the exit is owed.
    pub(crate) value: Option<M::Value>,
    /// What exit is to be told, once the body has stopped.
    told: Option<Outcome>,
    place: Place,
}

impl<M: LocalAsyncContextManager> Scope<M> {
    #[track_caller]
    pub(crate) fn new(manager: M) -> Self {
        Self {
            manager: Some(manager),
            value: None,
            told: None,
            place: Place::new(M::__runtime(), Site::of::<M>()),
        }
    }

    /// The same block at the place of the call: of the manager, where the span of the whole invocation says less.
    #[must_use]
    #[track_caller]
    pub fn here(mut self) -> Self {
        self.place.site = self.place.site.here();
        self
    }

    pub async fn enter(&mut self) -> Result<(), M::Error> {
        self.value = Some(M::__enter(&mut self.manager, self.place.site).await?);
        Ok(())
    }

    /// Lends the value to the body.
    pub fn open(&mut self) -> (&mut M::Value, Driver<'_, M::Error>) {
        let (Some(manager), Some(value)) = (&self.manager, &mut self.value) else {
            unreachable!("a scope is opened between its enter and its exit")
        };
        // The exit is owed from here on, also if this panics.
        let interrupt = catch_unwind(AssertUnwindSafe(|| manager.interrupt(value)));
        (value, Driver { place: &self.place, interrupt })
    }

    /// Does nothing. A borrow of the value that escapes from the body collides with it first, and rustc words that best for
    /// a shared borrow.
    pub fn body_ended(&self) {}

    pub async fn exit(&mut self, outcome: Outcome) -> Exited<M::Error> {
        self.told = Some(outcome);
        self.place.nested_ended().await;
        let (Some(manager), Some(value)) = (self.manager.take(), self.value.take()) else {
            unreachable!("a scope is left once")
        };
        let place = self.place.take();
        let exit = pin!(async move { manager.__exit(value, outcome, place).await });
        Exited::new(unwinding(exit).await, self.place.site)
    }
}

impl<M: LocalAsyncContextManager> Drop for Scope<M> {
    fn drop(&mut self) {
        if let (Some(manager), Some(value)) = (self.manager.take(), self.value.take()) {
            manager.__cut(value, self.told.unwrap_or(Outcome::Cancelled), self.place.take());
        }
    }
}

/// One block over a synchronous manager.
pub struct SyncScope<M: ContextManager> {
    manager: Option<M>,
    value: Option<M::Value>,
    /// What exit is to be told, once a body that awaits has stopped.
    told: Option<Outcome>,
    place: Place,
}

impl<M: ContextManager> SyncScope<M> {
    #[track_caller]
    pub(crate) fn new(manager: M) -> Self {
        let place = Place::new(Runtime::Background, Site::of::<M>());
        Self { manager: Some(manager), value: None, told: None, place }
    }

    /// As for [`Scope::here`].
    #[must_use]
    #[track_caller]
    pub fn here(mut self) -> Self {
        self.place.site = self.place.site.here();
        self
    }

    /// # Errors
    ///
    /// What the manager's `enter` reports.
    pub fn enter(&mut self) -> Result<(), M::Error> {
        let manager = self.manager.as_mut().expect("a scope is entered before it is left");
        self.value = Some(manager.enter()?);
        Ok(())
    }

    pub fn open(&mut self) -> (&mut M::Value, SyncDriver<'_, M::Error>) {
        let value = self.value.as_mut().expect("a scope is opened between its enter and its exit");
        (value, SyncDriver(Driver { place: &self.place, interrupt: Ok(Interrupt::never()) }))
    }

    /// As for [`Scope::body_ended`].
    pub fn body_ended(&self) {}

    pub fn exit(&mut self, outcome: Outcome) -> Exited<M::Error> {
        let (Some(manager), Some(value)) = (self.manager.take(), self.value.take()) else {
            unreachable!("a scope is left once")
        };
        // What is left of nested blocks is not waited for here: the body did not await, or has been cut.
        self.place.end();
        Exited::of(|| manager.exit(value, outcome), self.place.site)
    }

    /// The exit after a body that awaits, which can wait for detached exits of nested blocks.
    pub async fn exit_after_nested(&mut self, outcome: Outcome) -> Exited<M::Error> {
        self.told = Some(outcome);
        self.place.nested_ended().await;
        self.exit(outcome)
    }
}

impl<M: ContextManager> Drop for SyncScope<M> {
    /// Only a body that awaits can be cut; the exit needs no awaiting, so it runs here.
    fn drop(&mut self) {
        if self.value.is_some() {
            let outcome = self.told.unwrap_or(Outcome::Cancelled);
            self.exit(outcome).lost(outcome);
        }
    }
}

/// Runs the body of a `with!`.
pub struct SyncDriver<'a, E>(Driver<'a, E>);

impl<E> SyncDriver<'_, E> {
    /// Polls the body, which does not await, once.
    pub fn run_now<F: Future>(self, mut body: Pin<&mut Option<F>>, flag: &Flag) -> Stop<F::Output, E> {
        let cx = &mut Context::from_waker(Waker::noop());
        let polled = match self.0.start() {
            Ok(mut run) => run.step(&mut body, flag, cx),
            Err(payload) => Poll::Ready(Stop::Panicked(payload)),
        };
        let Poll::Ready(stop) = polled else {
            // A real panic, so that it is announced; then the exit, as for every panic.
            let panicked = catch_unwind(|| {
                panic!(
                    "the body of a `with!` awaited, hidden in a macro; write `with!(manager => async {{ … }})`"
                )
            });
            body.set(None);
            return panicked.map_or_else(Stop::Panicked, |never: Infallible| match never {});
        };
        stop
    }

    /// Runs a body that awaits.
    pub async fn run<F: Future>(self, body: Pin<&mut Option<F>>, flag: &Flag) -> Stop<F::Output, E> {
        self.0.run(body, flag).await
    }
}
