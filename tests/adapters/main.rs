//! Managers made of other managers: what does not change, and what does.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "an adapter that is passed as a function has its place in the library"
)]

mod boxed;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod opt_in_traits;
mod transparent;

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, ContextManagerExt, LocalAsyncContextManagerExt, Outcome,
    async_with, ready,
};

use crate::common::log::{Failure, Log, Recorder};
use crate::common::trace::poll_once;
use crate::common::ways::Seen;

type BoxError = Box<dyn Error + Send + Sync>;

fn nothing_differs(_: &Seen) -> bool {
    false
}

/// Blocks over adapters can be spawned.
mod send {
    use super::{
        AsyncContextManager, AsyncContextManagerExt, BoxError, ContextManagerExt, Duration, Failure,
        LocalAsyncContextManagerExt, Log, Recorder, async_with,
    };

    fn is_send<F: Send + 'static>(future: F) -> F {
        future
    }

    fn described(manager: Recorder<Failure>) -> impl AsyncContextManager<Value = u32, Error = BoxError> {
        manager.finish_enter().err_into()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_their_parts_can() {
        let log = Log::default();
        let task = tokio::spawn(is_send(async move {
            let a = AsyncContextManagerExt::boxed(log.unsure("a")).finish_enter();
            let b = log.unsure("b").waits(1).exit_timeout(Duration::from_secs(60)).map_err(|_| Failure("b"));
            let c = log.unsure("c").map_err_local(|error| error);
            let d = ContextManagerExt::into_async(log.sure("d"));
            #[cfg(feature = "tracing")]
            let a = a.traced("a");
            let block = async_with!(a as a, b as b, c as c, d as d => {
                tokio::task::yield_now().await;
                *a + *b + *c + *d
            });
            let described = async_with!(described(log.unsure("e")) as value => *value);
            (block, described.unwrap())
        }));
        assert_eq!(task.await.unwrap(), (Ok(0), 0));
    }
}

// A manager that can be cloned stays one in an adapter: each clone is entered by itself.
// CPython: test_contextlib.TestContextDecorator.test_contextmanager_as_decorator (a fresh manager at each use).
#[tokio::test]
async fn clones_of_an_adapter_are_entered_each_by_itself() {
    #[derive(Clone)]
    struct Count(Arc<AtomicUsize>);

    impl AsyncContextManager for Count {
        type Value = usize;
        type Error = Infallible;

        async fn enter(&mut self) -> Result<usize, Infallible> {
            Ok(self.0.fetch_add(1, Ordering::Relaxed))
        }

        async fn exit(self, _value: usize, _outcome: Outcome) -> Result<(), Infallible> {
            Ok(())
        }
    }

    let adapted = Count(Arc::default()).finish_enter().map_err(|never| -> Failure { match never {} });
    for expected in 0..3 {
        let block = async_with!(adapted.clone() as number => *number);
        assert_eq!(block, Ok(expected));
    }
}

// An enter that is cut must not leave the manager half-way in its adapter: it is dropped.
#[tokio::test]
async fn a_manager_that_is_cut_in_enter_is_dropped_in_its_adapters() {
    struct Slow {
        _dropped: crate::common::log::OnDrop,
    }

    impl AsyncContextManager for Slow {
        type Value = ();
        type Error = Infallible;

        async fn enter(&mut self) -> Result<(), Infallible> {
            pending().await
        }

        async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
            Ok(())
        }
    }

    fn cut(manager: impl AsyncContextManager) {
        let mut block = Box::pin(async { async_with!(manager => {}) });
        assert!(poll_once(block.as_mut()).is_pending());
    }

    let log = Log::default();
    let slow = || Slow { _dropped: log.on_drop("dropped") };
    cut(slow().boxed().boxed());
    log.expect(&["dropped"]);
    cut(slow().map_err(|never| -> Failure { match never {} }));
    log.expect(&["dropped"]);
    cut(slow().exit_timeout(Duration::ZERO));
    log.expect(&["dropped"]);
}

#[tokio::test]
async fn recorders_through_adapters_keep_their_value() {
    let log = Log::default();
    let block = async_with!(log.unsure("a").value(4).finish_enter().boxed().exit_timeout(Duration::MAX) as value => {
        *value += 1;
        *value
    });
    assert_eq!(block.unwrap(), 5);
    log.expect(&["enter a", "exit a: completed"]);
}

// CPython: test_contextlib.NullcontextTestCase, TestAsyncNullcontext.test_async_nullcontext.
#[tokio::test]
async fn a_manager_of_nothing_can_be_adapted_too() {
    assert_eq!(async_with!(ready("value").finish_enter().boxed() as value => *value), "value");
}
