//! The manager `TaskGroup`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use async_with::managers::{Child, ChildError, NoOutput, Spawner, TaskGroup};
use async_with::{AsyncContextManagerExt, Outcome, async_with, settle};
use futures::future::join_all;
use futures::poll;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{JoinError, yield_now};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, yield_once};

type Group = Spawner<Failure>;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
struct Failure(&'static str);

/// Records its end: `NAME ended`, or `NAME dropped`.
async fn child(name: &'static str, trace: Trace, gate: Gate) -> Result<&'static str, Failure> {
    let unfinished = scopeguard::guard(trace, |trace| trace.log(format!("{name} dropped")));
    gate.passed().await;
    scopeguard::ScopeGuard::into_inner(unfinished).log(format!("{name} ended"));
    Ok(name)
}

/// One that ends only by being aborted. It has begun when this returns.
async fn endless(group: &Group, name: &'static str, trace: &Trace) -> Child<&'static str> {
    let (begun, is_begun) = oneshot::channel();
    let run = child(name, trace.clone(), Gate::new());
    let child = group.spawn(async move {
        begun.send(()).unwrap();
        run.await
    });
    is_begun.await.unwrap();
    child
}

fn opened() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

fn failed<T>(block: Result<T, ChildError<Failure>>) -> Option<&'static str> {
    match block.err()? {
        ChildError::Failed(Failure(text)) => Some(text),
        _ => None,
    }
}

async fn some_turns() {
    for _ in 0..20 {
        yield_now().await;
    }
}

mod success {
    use super::*;

    // CPython's `test_taskgroup_01`, `_02`.
    #[tokio::test]
    async fn the_body_gets_the_values_of_its_children() {
        let block = async_with!(TaskGroup::<Infallible>::new() as group => {
            let one = group.spawn(async { Ok(1) });
            let text = group.spawn(async {
                yield_once().await;
                Ok("two")
            });
            (one.await, text.await)
        });
        assert_eq!(block.unwrap(), (Ok(1), Ok("two")));
    }

    #[tokio::test]
    async fn the_exit_waits_for_all_children_on_each_successful_way_out() {
        async fn leave(
            way: &'static str,
            trace: &Trace,
            gate: &Gate,
        ) -> Result<&'static str, ChildError<Failure>> {
            let mut way = way;
            loop {
                async_with!(TaskGroup::new() as group => {
                    group.spawn(child("A", trace.clone(), gate.clone()));
                    group.spawn(child("B", trace.clone(), opened()));
                    match std::mem::replace(&mut way, "end") {
                        "return" => return Ok("returned"),
                        "break" => break Ok("broke"),
                        "continue" => continue,
                        _ => {}
                    }
                })?;
                return Ok("ended");
            }
        }

        for (way, ended) in
            [("end", "ended"), ("return", "returned"), ("break", "broke"), ("continue", "ended")]
        {
            let (trace, gate) = (Trace::new(), Gate::new());
            let mut block = pin!(leave(way, &trace, &gate));
            while !trace.has("B ended") {
                assert!(poll!(&mut block).is_pending(), "{way}");
                yield_now().await;
            }
            some_turns().await;
            assert!(poll!(&mut block).is_pending(), "{way}: it waits for A");
            gate.open();
            assert_eq!(block.await.unwrap(), ended);
            let ended = trace.events().iter().filter(|event| event.ends_with(" ended")).count();
            assert_eq!(ended, if way == "continue" { 4 } else { 2 }, "{way}: {:?}", trace.events());
        }
    }

    #[tokio::test]
    async fn an_empty_group_is_no_trouble() {
        let block = async_with!(TaskGroup::<Infallible>::new() => { 5 });
        assert_eq!(block.unwrap(), 5);
    }

    #[tokio::test]
    async fn handles_may_be_dropped_and_may_leave_the_block() {
        let gate = Gate::new();
        let trace = Trace::new();
        let kept = async_with!(TaskGroup::new() as group => {
            drop(group.spawn(child("A", trace.clone(), gate.clone())));
            let kept = group.spawn(child("B", trace.clone(), gate.clone()));
            gate.open();
            kept
        });
        assert!(trace.has("A ended") && trace.has("B ended"));
        assert_eq!(kept.unwrap().await, Ok("B"));
    }

    // CPython's `test_taskgroup_13`, `_20`: tasks spawned while the group is waiting.
    #[tokio::test]
    async fn children_spawn_siblings_also_during_the_exit() {
        #[expect(clippy::manual_async_fn, reason = "a recursive `async fn` is not known to be `Send`")]
        fn countdown(
            from: u32,
            group: Group,
            trace: Trace,
        ) -> impl Future<Output = Result<(), Failure>> + Send {
            async move {
                trace.log(from.to_string());
                yield_once().await;
                if from > 0 {
                    group.spawn(countdown(from - 1, group.clone(), trace));
                }
                Ok(())
            }
        }

        let trace = Trace::new();
        let block = async_with!(TaskGroup::new() as group => {
            group.spawn(countdown(5, group.clone(), trace.clone()));
        });
        block.unwrap();
        assert_eq!(trace.events(), ["5", "4", "3", "2", "1", "0"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn ten_thousand_children() {
        let block = async_with!(TaskGroup::<Infallible>::new() as group => {
            let children: Vec<_> = (0..10_000_u64).map(|number| group.spawn(async move {
                yield_now().await;
                Ok(number)
            })).collect();
            join_all(children).await.into_iter().map(Result::unwrap).sum::<u64>()
        });
        assert_eq!(block.unwrap(), 49_995_000);
    }

    #[tokio::test]
    async fn what_has_ended_is_forgotten_while_the_group_goes_on() {
        let block = async_with!(TaskGroup::<Infallible>::new() as group => {
            for _ in 0..1_000 {
                group.spawn(async { Ok(()) }).await.unwrap();
            }
            some_turns().await;
            assert_eq!(format!("{group:?}"), "Spawner { children: 0, closed: false }");
        });
        block.unwrap();
    }
}

mod failure {
    use super::*;

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
        let (group, ()) =
            tokio::time::timeout(Duration::from_secs(60), async { tokio::join!(group, opener) })
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
}

mod a_body_that_fails {
    use super::*;

    // CPython's `test_taskgroup_07`, `_08`, `test_taskgroup_11`.
    #[tokio::test]
    async fn has_its_children_aborted_and_reaped() {
        async fn leave(way: &str, trace: &Trace) -> anyhow::Result<()> {
            async_with!(TaskGroup::new() as group => {
                let _a = endless(group, "A", trace).await;
                let _b = endless(group, "B", trace).await;
                match way {
                    "?" => Err(anyhow::anyhow!("failed"))?,
                    "return" => return Err(anyhow::anyhow!("failed")),
                    _ => panic!("a body that panics"),
                }
            })
            .map_err(|error: ChildError<Failure>| anyhow::anyhow!("{error:?}"))
        }

        for way in ["?", "return", "panic"] {
            let trace = Trace::new();
            let in_task = trace.clone();
            let task = tokio::spawn(async move {
                let left = leave(way, &in_task).await;
                in_task.log("left");
                left
            });
            let ended = task.await;
            let mut events = trace.events();
            if way == "panic" {
                assert!(ended.unwrap_err().is_panic());
            } else {
                assert_eq!(ended.unwrap().unwrap_err().to_string(), "failed");
                assert_eq!(events.pop().as_deref(), Some("left"));
            }
            events.sort();
            assert_eq!(events, ["A dropped", "B dropped"], "{way}");
        }
    }

    #[tokio::test]
    async fn wins_over_children_that_fail_meanwhile() {
        let losses = losses();
        let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (going, going_on) = (Arc::clone(&go), Arc::clone(&gone));
        let block = async_with!(TaskGroup::new() as group => {
            group.spawn(async move {
                going.notified().await;
                going_on.notify_one();
                Err::<(), _>(Failure("fails beside its body"))
            });
            yield_now().await;
            go.notify_one();
            // Without a turn for the interrupt between the child's failure and the body's.
            tokio::task::unconstrained(gone.notified()).await;
            Err::<(), _>(Failure("the body failed"))
        });
        assert_eq!(block.unwrap(), Err(Failure("the body failed")));
        let lost = losses.of("fails beside its body");
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(lost[0].outcome, Outcome::Failed);
    }
}

mod cancellation {
    use super::*;

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
}

mod one_child {
    use super::*;

    #[tokio::test]
    async fn may_be_aborted_without_the_group_failing() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let block = async_with!(TaskGroup::new() as group => {
            let a = endless(group, "A", &trace).await;
            let b = group.spawn(child("B", trace.clone(), gate.clone()));
            a.abort();
            assert_eq!(a.await, Err(NoOutput::Aborted));
            gate.open();
            b.await
        });
        assert_eq!(block.unwrap(), Ok("B"));
        assert_eq!(trace.events(), ["A dropped", "B ended"]);
    }

    #[tokio::test]
    async fn that_has_succeeded_keeps_its_value_when_it_is_aborted() {
        let block = async_with!(TaskGroup::<Infallible>::new() as group => {
            let five = group.spawn(async { Ok(5) });
            some_turns().await;
            five.abort();
            five.await
        });
        assert_eq!(block.unwrap(), Ok(5));
    }
}

mod nesting {
    use super::*;

    // CPython's `test_taskgroup_14` to `_16`.
    #[tokio::test]
    async fn the_failure_of_an_inner_group_is_a_value_to_the_outer_body() {
        let trace = Trace::new();
        let outer = async_with!(TaskGroup::new() as outer => {
            let a = outer.spawn(child("A", trace.clone(), opened()));
            let inner = async_with!(TaskGroup::new() as inner => {
                inner.spawn(async { Err::<(), _>(Failure("failed inside")) });
                pending::<()>().await;
            });
            assert_eq!(failed(inner), Some("failed inside"));
            a.await
        });
        assert_eq!(outer.unwrap(), Ok("A"));
    }

    // CPython's `test_nested_groups_both_cancelled`.
    #[tokio::test]
    async fn the_failure_of_an_outer_group_ends_the_inner_one_first() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let fail = gate.clone();
        let outer = async_with!(TaskGroup::new() as outer => {
            outer.spawn(async move {
                fail.passed().await;
                Err::<(), _>(Failure("failed outside"))
            });
            let inner = async_with!(TaskGroup::new() as inner => {
                let _a = endless(inner, "A", &trace).await;
                gate.open();
                pending::<()>().await;
            });
            trace.log(format!("the inner one gave {inner:?}"));
        });
        assert_eq!(failed(outer), Some("failed outside"));
        assert_eq!(trace.events(), ["A dropped"], "and it is dropped before the outer block has ended");
    }

    #[tokio::test]
    async fn a_group_in_a_child_of_a_group_ends_with_it() {
        let trace = Trace::new();
        let in_child = trace.clone();
        let outer = async_with!(TaskGroup::new() as outer => {
            outer.spawn(async move {
                async_with!(TaskGroup::new() as inner => {
                    let _a = endless(inner, "A", &in_child).await;
                    in_child.log("inner body");
                    pending::<()>().await;
                })
                .map_err(|_| Failure("inner"))
            });
            trace.reached("inner body").await;
            Err::<(), _>(Failure("the outer body failed"))
        });
        assert_eq!(outer.unwrap(), Err(Failure("the outer body failed")));
        assert_eq!(trace.events(), ["inner body", "A dropped"]);
    }

    /// A child whose block takes its time to be exited.
    async fn with_slow_exit(trace: Trace, gate: Gate) -> Result<(), Failure> {
        async_with!(Traced::new("inner", &trace).exit_waits(&gate).map_err(Failure) => {
            trace.step("child").await;
            pending::<()>().await;
        })
    }

    #[tokio::test]
    async fn the_exit_waits_for_the_blocks_in_aborted_children() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let blocks = async {
            async_with!(Traced::new("lock", &trace) => {
                let group = async_with!(TaskGroup::new() as group => {
                    group.spawn(with_slow_exit(trace.clone(), gate.clone()));
                    trace.reached("child").await;
                    Err::<(), _>(Failure("failed"))
                });
                trace.log("group over");
                assert_eq!(group.unwrap(), Err(Failure("failed")));
            })
        };
        let opener = async {
            trace.reached("exit inner: cancelled").await;
            some_turns().await;
            assert!(!trace.has("group over"));
            gate.open();
        };
        tokio::join!(blocks, opener).0.unwrap();
        assert_eq!(
            trace.events()[5..],
            ["exit inner: cancelled", "exited inner", "group over", "exit lock: completed", "exited lock"]
        );
    }

    #[tokio::test]
    async fn it_does_so_detached_as_well() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let blocks = async {
            async_with!(Traced::new("lock", &trace) => {
                async_with!(TaskGroup::new() as group => {
                    group.spawn(with_slow_exit(trace.clone(), gate.clone()));
                    trace.reached("child").await;
                    trace.step("body").await;
                    pending::<()>().await;
                })
            })
        };
        cut_at(blocks, &trace, "body").await;
        trace.reached("exit inner: cancelled").await;
        some_turns().await;
        assert!(!trace.has("exit lock: cancelled"));
        gate.open();
        settle().await;
        assert_eq!(
            trace.events()[6..],
            ["exit inner: cancelled", "exited inner", "exit lock: cancelled", "exited lock"]
        );
    }
}

mod errors {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the page is missing")]
    struct Missing;

    #[test]
    fn can_be_sent_and_shared() {
        fn check<T: std::error::Error + Send + Sync + 'static>() {}
        check::<ChildError<Missing>>();
        check::<NoOutput>();
    }

    #[tokio::test]
    async fn leave_by_the_question_mark_with_their_source() {
        async fn fetch() -> anyhow::Result<()> {
            async_with!(TaskGroup::new() as group => {
                group.spawn(async { Err::<(), _>(Missing) });
            })?;
            Ok(())
        }

        let error = fetch().await.unwrap_err();
        assert_eq!(format!("{error:#}"), "a child of the task group failed: the page is missing");
        assert!(error.root_cause().is::<Missing>());
    }

    #[tokio::test]
    async fn of_a_panic_say_so() {
        async fn fetch() -> anyhow::Result<()> {
            async_with!(TaskGroup::<Missing>::new() as group => {
                group.spawn(async { if true { panic!("out of pages") } else { Ok(()) } });
            })?;
            Ok(())
        }

        let error = format!("{:#}", fetch().await.unwrap_err());
        assert!(error.starts_with("a child of the task group panicked: task "), "{error}");
        assert!(error.ends_with(r#"panicked with message "out of pages""#), "{error}");
    }

    #[tokio::test]
    async fn that_are_no_errors_themselves_are_flattened() {
        async fn fetch(panics: bool) -> anyhow::Result<()> {
            let group = TaskGroup::<anyhow::Error>::new().map_err(ChildError::flatten);
            async_with!(group as group => {
                group.spawn(async move {
                    assert!(!panics, "out of pages");
                    Err::<(), _>(Missing.into())
                });
            })?;
            Ok(())
        }

        assert!(fetch(false).await.unwrap_err().is::<Missing>());
        assert!(fetch(true).await.unwrap_err().is::<JoinError>());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_groups_fail_on_many_threads_and_leave_nothing_behind() {
    let alive = Arc::new(());
    for round in 0..200_u32 {
        let mut handles = Vec::new();
        let block = async_with!(TaskGroup::new() as group => {
            for number in 0..20 {
                let (alive, group_too) = (Arc::clone(&alive), group.clone());
                handles.push(group.spawn(async move {
                    for _ in 0..number % 7 {
                        yield_now().await;
                    }
                    if number == round % 20 {
                        return Err(number);
                    }
                    group_too.spawn(ready(Ok(())));
                    drop(alive);
                    Ok(number)
                }));
            }
            if round % 2 == 0 {
                pending::<()>().await;
            }
        });
        assert!(matches!(block, Err(ChildError::Failed(number)) if number == round % 20), "{block:?}");
        assert_eq!(Arc::strong_count(&alive), 1, "no child is left");
        let values = join_all(handles).await;
        assert_eq!(values[round as usize % 20], Err(NoOutput::Ended));
    }
}
