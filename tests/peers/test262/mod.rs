//! test262: `await using` and `AsyncDisposableStack`.
//!
//! A comment names the files of test262: those without a folder are in `language/statements/await-using`, those under
//! `staging` in `staging/explicit-resource-management`, and those under `use`, `adopt`, `defer`, `move`, `disposeAsync` and
//! `disposed` in `built-ins/AsyncDisposableStack/prototype`.
//!
//! What JavaScript writes with a closer, `[Symbol.asyncDispose]` or `[Symbol.dispose]`, is a manager here, asynchronous or
//! synchronous. When several fail, JavaScript wraps what failed first into what failed later; here the first leaves as it is,
//! and the others go to the lost-error hook in their order.

#[cfg(feature = "tokio")]
mod closing;
mod errors;
mod heads;
mod order_and_scope;
mod stack;
mod wrong_managers;

use std::fmt::Debug;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_with::{ContextManagerExt, IntoAsync};
use futures::{Stream, stream};

use crate::common::log::Recorder;
use crate::common::trace::yield_once;

/// A manager with a synchronous closer in an asynchronous block. It would wait if it were used as an asynchronous one.
fn sync<E: Debug + Send + 'static>(manager: Recorder<E>) -> IntoAsync<Recorder<E>> {
    manager.waits(1).into_async()
}

/// How often a future is polled until it is ready, when it is polled on as soon as it suspends.
fn polls<T>(future: impl Future<Output = T>) -> (usize, T) {
    let mut future = pin!(future);
    let mut polls = 0;
    loop {
        polls += 1;
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return (polls, output);
        }
    }
}

/// What a [`generator`] gives its items to.
struct Items<T>(Arc<Mutex<Option<T>>>);

impl<T> Items<T> {
    /// Goes on when the next item is asked for.
    async fn give(&self, item: T) {
        *self.0.lock().unwrap() = Some(item);
        yield_once().await;
    }
}

/// A stream that is written as a function.
fn generator<T, F>(body: impl FnOnce(Items<T>) -> F) -> impl Stream<Item = T>
where
    F: Future<Output = ()>,
{
    let given = Arc::new(Mutex::new(None));
    let mut running = Some(Box::pin(body(Items(Arc::clone(&given)))));
    stream::poll_fn(move |cx| {
        let Some(body) = &mut running else {
            return Poll::Ready(None);
        };
        if body.as_mut().poll(cx).is_ready() {
            running = None;
            return Poll::Ready(None);
        }
        given.lock().unwrap().take().map_or(Poll::Pending, |item| Poll::Ready(Some(item)))
    })
}
