//! Managers written as one function.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "an adapter that is passed as a function has its place in the library"
)]

mod blocks;
#[path = "../common/mod.rs"]
mod common;
mod done;
mod dropped;
mod run;
mod ways_out;

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

use async_with::{AsyncContextManager, Body, async_with, context, settle};
use futures::FutureExt;

use crate::common::log::{Failure, Log};
use crate::common::trace::{Traced, poll_once, yield_once};

/// A [`Traced`] as one function.
fn as_one_function(manager: Traced) -> impl AsyncContextManager<Value = (), Error = &'static str> {
    context(|body: Body<()>| async move {
        manager.run_enter().await?;
        let ((), done) = body.run(()).await;
        manager.run_exit(done.outcome()).await?;
        Ok(done)
    })
}

async fn caught<T>(block: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(block).catch_unwind().await.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("a panic with a message")
    })
}

// CPython: test_keywords: names of the user do not clash with those inside.
#[tokio::test]
async fn any_names_may_be_used() {
    #[expect(clippy::used_underscore_binding, reason = "names are what is tested")]
    fn named(
        function: u32,
        exchange: u32,
        _state: u32,
    ) -> impl AsyncContextManager<Value = u32, Error = Infallible> {
        context(move |done| async move {
            let (body, value) = done.run(function + exchange + _state).await;
            assert_eq!(body, 6);
            Ok(value)
        })
    }

    assert_eq!(async_with!(named(1, 2, 3) as context => *context), 6);
}

#[test]
fn it_needs_no_runtime() {
    let log = Log::default();
    let inside = log.clone();
    futures::executor::block_on(async {
        let manager = context(|body| async move {
            yield_once().await;
            let (value, done) = body.run(1).await;
            yield_once().await;
            inside.add(format!("{value} {}", done.outcome()));
            Ok::<_, Infallible>(done)
        });
        async_with!(manager as value => *value += 1);
    });
    log.expect(&["2 completed"]);
}

#[test]
fn its_parts_have_a_debug_form() {
    let manager = context(|body: Body<u8>| async move {
        assert_eq!(format!("{body:?}"), "Body { .. }");
        let (_, done) = body.run(1).await;
        Ok::<_, Infallible>(done)
    });
    assert_eq!(format!("{manager:?}"), "ContextFn { .. }");
    futures::executor::block_on(async { async_with!(manager => {}) });
}

// The value may be `Send` and not `Sync`, and a block over it is still `Send`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_over_it_can_be_spawned() {
    let task = tokio::spawn(async {
        let manager = context(|body| async move {
            tokio::task::yield_now().await;
            let (value, done) = body.run(std::cell::Cell::new(1)).await;
            assert_eq!(value.get(), 2);
            Ok::<_, Failure>(done)
        });
        async_with!(manager as value => {
            tokio::task::yield_now().await;
            value.set(value.get() + 1);
        })
    });
    assert_eq!(task.await.unwrap(), Ok(()));
}

// What the function captured, and what it lent, is dropped once, in order.
#[test]
fn nothing_leaks_and_nothing_is_dropped_twice() {
    for polls in 0..6 {
        let log = Log::default();
        let (captured, value) = (log.on_drop("captured dropped"), log.clone());
        let mut block = Box::pin(async {
            let manager = context(|body| async move {
                let _captured = captured;
                yield_once().await;
                let (value, done) = body.run(value.on_drop("value dropped")).await;
                yield_once().await;
                drop(value);
                Ok::<_, Infallible>(done)
            });
            async_with!(manager => { yield_once().await });
        });
        let caught =
            catch_unwind(AssertUnwindSafe(|| (0..polls).any(|_| poll_once(block.as_mut()).is_ready())));
        assert!(caught.is_ok());
        drop(block);
        futures::executor::block_on(settle());
        match polls {
            0 | 1 => log.expect(&["captured dropped"]),
            _ => log.expect(&["value dropped", "captured dropped"]),
        }
    }
}
