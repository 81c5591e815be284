//! A child that fails or panics.

use std::future::pending;
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use async_with::managers::{ChildError, NoOutput, TaskGroup};
use async_with::{Outcome, async_with};
use futures::poll;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses};
use crate::{Failure, Group, endless, failed, some_turns};

// CPython's `test_taskgroup_03`, `_04`, `test_cancel_children_on_child_error`.
#[tokio::test]
async fn a_child_that_fails_interrupts_the_body_and_aborts_the_others() {
    let trace = Trace::new();
    let block = async_with!(TaskGroup::new() as group => {
        scopeguard::defer! { trace.log("body dropped") }
        let _a = endless(group, "A", &trace).await;
        group.spawn(async { Err::<(), _>(Failure("failed")) });
        pending::<()>().await;
    });
    assert_eq!(failed(block), Some("failed"));
    assert_eq!(trace.events(), ["body dropped", "A dropped"]);
}

#[tokio::test]
async fn a_child_that_panics_does_the_same_and_its_panic_is_in_the_error() {
    let trace = Trace::new();
    let block = async_with!(TaskGroup::new() as group => {
        let _a = endless(group, "A", &trace).await;
        group.spawn(async { if true { panic!("a child that panics") } else { Ok(()) } });
        pending::<()>().await;
    });
    let Err(ChildError::Panicked(error)) = block else { panic!("{block:?}") };
    assert_eq!(error.into_panic().downcast_ref(), Some(&"a child that panics"));
    assert_eq!(trace.events(), ["A dropped"]);
}

#[tokio::test]
async fn a_child_that_fails_during_the_exit_aborts_the_others_and_is_the_error() {
    async fn early(trace: &Trace, gate: &Gate) -> Result<u8, ChildError<Failure>> {
        let fail = gate.clone();
        async_with!(TaskGroup::new() as group => {
            let _a = endless(group, "A", trace).await;
            group.spawn(async move {
                fail.passed().await;
                Err::<(), _>(Failure("failed"))
            });
            return Ok(1);
        })
    }

    let (trace, gate) = (Trace::new(), Gate::new());
    let mut block = pin!(early(&trace, &gate));
    for _ in 0..20 {
        assert!(poll!(&mut block).is_pending());
        yield_now().await;
    }
    gate.open();
    assert_eq!(failed(block.await), Some("failed"), "the `return Ok` is given up");
    assert_eq!(trace.events(), ["A dropped"]);
}

// CPython's `test_taskgroup_14`, where both are in the exception group.
#[tokio::test]
async fn of_two_that_fail_the_first_is_the_error_and_the_second_goes_to_the_hook() {
    let losses = losses();
    let line = line!() + 1;
    let block = async_with!(TaskGroup::new() as group => {
        // Both end before the body, and with it the interrupt, has its next turn.
        group.spawn(async { Err::<(), _>(Failure("first of two children")) });
        group.spawn(async { Err::<(), _>(Failure("second of two children")) });
        pending::<()>().await;
    });
    assert_eq!(failed(block), Some("first of two children"));
    let lost = losses.of("second of two children");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].error, r#"Failed(Failure("second of two children"))"#);
    assert!(lost[0].manager.contains("TaskGroup"), "{lost:?}");
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Interrupted));
}

#[tokio::test]
async fn one_that_fails_and_is_aborted_while_its_blocks_are_exited_goes_to_the_hook() {
    let (trace, gate, losses) = (Trace::new(), Gate::new(), losses());
    let failing = {
        let (trace, gate) = (trace.clone(), gate.clone());
        async move {
            let inner = Traced::new("inner", &trace).exit_waits(&gate);
            let block = async { async_with!(inner => { trace.step("child").await; }) };
            cut_at(block, &trace, "child").await;
            Err::<(), _>(Failure("fails and is aborted"))
        }
    };
    let group = async {
        async_with!(TaskGroup::new() as group => {
            group.spawn(failing);
            trace.reached("exit inner: cancelled").await;
            group.spawn(async { Err::<(), _>(Failure("aborts it")) });
            pending::<()>().await;
        })
    };
    let opener = async {
        while losses.of("fails and is aborted").is_empty() {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let (group, ()) = tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(group, opener) })
        .await
        .expect("the hook is told");
    assert_eq!(failed(group), Some("aborts it"));
    let lost = losses.of("fails and is aborted");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].manager.contains("TaskGroup"), "{lost:?}");
}

#[tokio::test]
async fn the_handle_of_a_child_that_failed_does_not_resolve_while_the_body_runs() {
    let mut handle = None;
    let block = async_with!(TaskGroup::new() as group => {
        let failing = handle.insert(group.spawn(async { Err::<u8, _>(Failure("failed")) }));
        // A body that would hide the failure.
        failing.await.unwrap_or_default()
    });
    assert_eq!(failed(block), Some("failed"));
    assert_eq!(handle.unwrap().await, Err(NoOutput::Ended));
}

// CPython's `test_taskgroup_20a`, `_22`.
#[tokio::test]
async fn a_child_that_waits_for_one_that_failed_is_aborted() {
    let block = async_with!(TaskGroup::new() as group => {
        let failing = group.spawn(async { Err::<u8, _>(Failure("failed")) });
        group.spawn(async move { failing.await.map_err(|_| Failure("the wrong error")) }).await
    });
    assert_eq!(failed(block), Some("failed"));
}

// CPython's `test_taskgroup_no_create_task_after_failure`.
#[tokio::test]
async fn after_a_failure_nothing_is_started() {
    let trace = Trace::new();
    let mut refused = None;
    let block = async_with!(TaskGroup::new() as group => {
        let inner = group.clone();
        let late = scopeguard::guard((), |()| {
            // In the drop of the body, when the group has failed.
            assert!(inner.is_closed());
            let never = scopeguard::guard(trace.clone(), |trace| trace.log("dropped un-polled"));
            let polled = trace.clone();
            refused = Some(inner.spawn(async move {
                let _never = never;
                polled.log("polled");
                Ok(())
            }));
            trace.log("spawned");
        });
        group.spawn(async { Err::<(), _>(Failure("failed")) });
        pending::<()>().await;
        drop(late);
    });
    assert_eq!(failed(block), Some("failed"));
    assert_eq!(trace.events(), ["dropped un-polled", "spawned"]);
    assert_eq!(refused.unwrap().await, Err(NoOutput::Refused));
}

#[tokio::test]
async fn a_child_that_another_thread_spawns_into_an_idle_group_is_noticed_when_it_fails() {
    let (sender, group) = oneshot::channel::<Group>();
    let block = async {
        async_with!(TaskGroup::new() as group => {
            sender.send(group.clone()).unwrap();
            pending::<()>().await;
        })
    };
    let foreign = async {
        let group = group.await.unwrap();
        // The interrupt has found no child.
        some_turns().await;
        let spawning = thread::spawn(move || group.spawn(async { Err::<(), _>(Failure("failed")) }));
        spawning.join().unwrap();
    };
    assert_eq!(failed(tokio::join!(block, foreign).0), Some("failed"));
}

#[tokio::test]
async fn a_body_that_is_always_ready_is_interrupted() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let start = Instant::now();
    let block = async_with!(TaskGroup::new() as group => {
        group.spawn(async { Err::<(), _>(Failure("failed")) });
        while start.elapsed() < Duration::from_secs(30) {
            sender.send(()).unwrap();
            receiver.recv().await;
        }
        panic!("it was not interrupted");
    });
    assert_eq!(failed(block), Some("failed"));
}
