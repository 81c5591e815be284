//! A group that is dropped.

use std::future::pending;
use std::pin::pin;

use async_with::managers::{NoOutput, TaskGroup};
use async_with::{Outcome, async_with, settle};
use futures::poll;
use tokio::sync::oneshot;

use crate::common::trace::{Gate, Trace, cut_at, losses};
use crate::{Failure, child, endless, some_turns};

// CPython's `test_cancellation`, `test_taskgroup_09`, `_10`.
#[tokio::test]
async fn in_the_body_aborts_and_reaps_the_children() {
    let trace = Trace::new();
    let block = async {
        async_with!(TaskGroup::new() as group => {
            let _a = endless(group, "A", &trace).await;
            trace.step("body").await;
            pending::<()>().await;
        })
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(trace.events(), ["body", "A dropped"]);
}

// CPython's `test_taskgroup_12`, where the children are cancelled. Here the exit has been told that the body succeeded.
#[tokio::test]
async fn in_a_successful_exit_leaves_the_children_to_end_detached() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(TaskGroup::new() as group => {
            group.spawn(child("A", trace.clone(), gate.clone()));
            scopeguard::defer! { trace.log("body done") }
        })
    };
    cut_at(block, &trace, "body done").await;
    let mut settled = pin!(settle());
    some_turns().await;
    assert!(poll!(&mut settled).is_pending());
    gate.open();
    settled.await;
    assert_eq!(trace.events(), ["body done", "A ended"]);
}

#[tokio::test]
async fn tells_the_hook_of_a_child_that_fails_in_the_detached_exit() {
    let (trace, gate, losses) = (Trace::new(), Gate::new(), losses());
    let block = async {
        async_with!(TaskGroup::new() as group => {
            let gate = gate.clone();
            group.spawn(async move {
                gate.passed().await;
                Err::<(), _>(Failure("fails while detached"))
            });
            scopeguard::defer! { trace.log("body done") }
        })
    };
    cut_at(block, &trace, "body done").await;
    gate.open();
    settle().await;
    let lost = losses.of("fails while detached");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Completed);
}

#[tokio::test]
async fn resolves_handles_that_others_hold() {
    let trace = Trace::new();
    let (sender, handle) = oneshot::channel();
    let block = async {
        async_with!(TaskGroup::new() as group => {
            sender.send(endless(group, "A", &trace).await).unwrap();
            trace.step("body").await;
            pending::<()>().await;
        })
    };
    cut_at(block, &trace, "body").await;
    assert_eq!(handle.await.unwrap().await, Err(NoOutput::Ended));
}

#[test]
fn by_the_end_of_the_runtime_resolves_them_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (trace, (sender, handle)) = (Trace::new(), oneshot::channel());
    let begun = trace.clone();
    runtime.spawn(async move {
        async_with!(TaskGroup::new() as group => {
            sender.send((group.clone(), endless(group, "A", &trace).await)).unwrap();
            trace.step("body").await;
            pending::<()>().await;
        })
    });
    let (group, handle) = runtime.block_on(async {
        begun.reached("body").await;
        handle.await.unwrap()
    });
    drop(runtime);
    assert_eq!(begun.events(), ["body", "A dropped"]);
    assert_eq!(futures::executor::block_on(handle), Err(NoOutput::Ended));
    // What is spawned on the dead runtime does not hang either.
    let late = group.spawn(async { Ok(()) });
    assert!(futures::executor::block_on(late).is_err());
}
