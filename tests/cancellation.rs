//! What becomes of a block whose future is dropped.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::future::pending;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::poll;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};

/// A block over `A` whose body does not end.
async fn endless(manager: Traced, trace: Trace) -> Result<(), &'static str> {
    async_with!(manager => {
        trace.step("body").await;
        pending().await
    })
}

// One block.

// PEERS 114: cancelled in the body.
#[tokio::test]
async fn a_drop_during_the_body_detaches_the_exit_and_settle_waits_for_it() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).exit_waits(&gate);
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body"]);
    let mut settled = pin!(settle());
    trace.reached("exit A: cancelled").await;
    assert!(poll!(&mut settled).is_pending(), "settle waits while the exit runs");
    gate.open();
    settled.await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

async fn leaving(way: &'static str, manager: Traced) -> Result<(), &'static str> {
    #[expect(clippy::never_loop, reason = "the loop is there for `break`")]
    loop {
        async_with!(manager => {
            match way {
                "returned" => return Ok(()),
                "failed" => Err("failed")?,
                "broke" => break,
                "panicked" => panic!("a body that panics"),
                _ => {}
            }
        })?;
        break;
    }
    Ok(())
}

#[tokio::test]
async fn a_drop_during_the_exit_lets_that_exit_run_on_to_its_end_told_what_it_was_told() {
    for way in ["completed", "returned", "failed", "broke", "panicked"] {
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = Traced::new("A", &trace).exit_waits(&gate);
        let exit = format!("exit A: {way}");
        cut_at(leaving(way, manager), &trace, &exit).await;
        let mut settled = pin!(settle());
        assert!(poll!(&mut settled).is_pending());
        gate.open();
        settled.await;
        assert_eq!(trace.events(), ["enter A", "entered A", exit.as_str(), "exited A"]);
    }
}

#[tokio::test]
async fn a_drop_during_enter_runs_no_exit() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).enter_waits(&gate);
    cut_at(endless(manager, trace.clone()), &trace, "enter A").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "enter A dropped"]);
}

// PEERS 113: cancelled in the second enter.
#[tokio::test]
async fn a_drop_during_the_second_enter_exits_the_first_item() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace), Traced::new("B", &trace).enter_waits(&gate) => { trace.log("body") })
    };
    cut_at(block, &trace, "enter B").await;
    settle().await;
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "enter B dropped", "exit A: cancelled", "exited A"]
    );
}

// PEERS 118: dropped before the first poll; and test262 `await-using-in-async-function-call-without-await`.
#[tokio::test]
async fn a_block_that_is_never_polled_does_nothing() {
    let trace = Trace::new();
    let block = async {
        async_with!(
            {
                trace.log("expression");
                Traced::new("A", &trace)
            } => { trace.log("body") }
        )
    };
    drop(block);
    settle().await;
    assert_eq!(trace.events(), [""; 0]);
}

#[tokio::test]
async fn the_exit_gets_the_value_as_the_body_left_it() {
    struct Counting(tokio::sync::mpsc::UnboundedSender<u8>);

    impl AsyncContextManager for Counting {
        type Value = u8;
        type Error = std::convert::Infallible;

        async fn enter(&mut self) -> Result<u8, Self::Error> {
            Ok(1)
        }

        async fn exit(self, value: u8, _outcome: Outcome) -> Result<(), Self::Error> {
            self.0.send(value).unwrap();
            Ok(())
        }
    }

    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let mut block = Box::pin(async {
        async_with!(Counting(sender) as value => {
            *value += 1;
            yield_once().await;
            *value += 1;
            pending::<()>().await;
        });
    });
    assert!(poll_once(block.as_mut()).is_pending());
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    assert_eq!(received.recv().await, Some(3));
    assert_eq!(received.recv().await, None, "exactly one exit");
}

#[tokio::test]
async fn settle_does_not_wait_for_exits_that_were_awaited_in_place() {
    let trace = Trace::new();
    async_with!(Traced::new("A", &trace) => {}).unwrap();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: completed", "exited A"]);
}

// A dropped settle has no effect on the exits.
#[tokio::test]
async fn dropping_settle_leaves_the_exits_running() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).exit_waits(&gate);
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    cut_at(settle(), &trace, "exit A: cancelled").await;
    gate.open();
    settle().await;
    assert!(trace.has("exited A"));
}

// Nested blocks.

const LIFO: [&str; 6] =
    ["exit C: cancelled", "exited C", "exit B: cancelled", "exited B", "exit A: cancelled", "exited A"];

#[tokio::test]
async fn one_drop_of_nested_blocks_exits_them_from_the_inside_out() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace) => {
                async_with!(Traced::new("C", &trace).exit_waits(&gate) => { trace.step("body").await; })
            })
        })
    };
    cut_at(blocks, &trace, "body").await;
    trace.reached("exit C: cancelled").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events().last().unwrap(), "exit C: cancelled", "the exits around it wait");
    gate.open();
    settle().await;
    assert_eq!(trace.events()[7..], LIFO);
}

#[tokio::test]
async fn one_drop_of_several_items_exits_them_from_the_inside_out() {
    let trace = Trace::new();
    let block = async {
        async_with!(Traced::new("A", &trace), Traced::new("B", &trace), Traced::new("C", &trace) => {
            trace.step("body").await;
        })
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(trace.events()[7..], LIFO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_holds_on_several_threads() {
    for _ in 0..200 {
        let trace = Trace::new();
        let task = tokio::spawn({
            let trace = trace.clone();
            async move {
                async_with!(Traced::new("A", &trace), Traced::new("B", &trace), Traced::new("C", &trace) => {
                    trace.step("body").await;
                    pending::<()>().await;
                })
            }
        });
        trace.reached("body").await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        trace.reached("exited A").await;
        assert_eq!(trace.events()[7..], LIFO);
    }
}

// PEERS 115: cancelled in the inner exit.
#[tokio::test]
async fn an_outer_exit_waits_for_an_inner_one_that_had_begun() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace).exit_waits(&gate) => {})
        })
    };
    cut_at(blocks, &trace, "exit B: completed").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events().last().unwrap(), "exit B: completed", "the outer exit waits");
    gate.open();
    settle().await;
    assert_eq!(trace.events()[4..], ["exit B: completed", "exited B", "exit A: cancelled", "exited A"]);
}

// The drop comes while the outer exit waits for a detached exit inside it, and has not begun itself.
#[tokio::test]
async fn a_drop_before_the_outer_exit_has_begun_keeps_what_it_was_to_be_told() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let mut blocks = Box::pin(async {
        async_with!(Traced::new("A", &trace) => {
            let inner = endless(Traced::new("B", &trace).exit_waits(&gate), trace.clone());
            cut_at(inner, &trace, "body").await;
            trace.log("after");
        })
    });
    while !trace.has("after") {
        assert!(poll_once(blocks.as_mut()).is_pending());
    }
    assert!(poll_once(blocks.as_mut()).is_pending());
    assert!(!trace.has("exit A: completed"));
    drop(blocks);
    gate.open();
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["after", "exit B: cancelled", "exited B", "exit A: completed", "exited A"]
    );
}

#[tokio::test]
async fn blocks_side_by_side_do_not_wait_for_each_other_and_the_one_around_waits_for_both() {
    let (trace, slow) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            tokio::join!(
                async { async_with!(Traced::new("B", &trace).exit_waits(&slow) => { trace.step("body B").await; pending::<()>().await; }) },
                async { async_with!(Traced::new("C", &trace) => { trace.step("body C").await; pending::<()>().await; }) },
            )
        })
    };
    cut_at(async { blocks.await.map(|_| ()) }, &trace, "body C").await;
    trace.reached("exited C").await;
    trace.reached("exit B: cancelled").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert!(!trace.has("exited B") && !trace.has("exit A: cancelled"), "{:?}", trace.events());
    slow.open();
    settle().await;
    let events = trace.events();
    assert_eq!(events[events.len() - 3..], ["exited B", "exit A: cancelled", "exited A"]);
}

#[tokio::test(start_paused = true)]
async fn the_outer_exit_waits_for_an_inner_block_that_a_timeout_cut() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let mut outer = Box::pin(async {
        async_with!(Traced::new("A", &trace) => {
            let inner = endless(Traced::new("B", &trace).exit_waits(&gate), trace.clone());
            assert!(timeout(Duration::from_secs(1), inner).await.is_err());
            // The body itself goes on at once.
            trace.log("after the timeout");
        })
    });
    tokio::select! {
        biased;
        _ = &mut outer => panic!("the outer block ended before the inner exit"),
        () = trace.reached("exit B: cancelled") => {}
    }
    for _ in 0..20 {
        assert!(poll!(&mut outer).is_pending());
        tokio::task::yield_now().await;
    }
    gate.open();
    outer.await.unwrap();
    assert_eq!(
        trace.events()[5..],
        ["after the timeout", "exit B: cancelled", "exited B", "exit A: completed", "exited A"]
    );
}

#[tokio::test]
async fn an_exit_cut_in_the_body_around_it_holds_up_that_bodys_exit() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let inner = Traced::new("B", &trace).exit_waits(&gate);
    let outer = async {
        async_with!(Traced::new("A", &trace) => {
            cut_at(async { async_with!(inner => {}) }, &trace, "exit B: completed").await;
        })
    };
    let opener = async {
        trace.reached("exit B: completed").await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert!(!trace.has("exit A: completed"));
        gate.open();
    };
    tokio::join!(outer, opener).0.unwrap();
    assert_eq!(trace.events()[4..], ["exit B: completed", "exited B", "exit A: completed", "exited A"]);
}

// Local managers.

#[tokio::test]
async fn an_outer_exit_waits_for_a_block_that_began_in_an_inner_one_which_has_ended() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            let mut escaped = pin!(endless(Traced::new("C", &trace).exit_waits(&gate), trace.clone()));
            async_with!(Traced::new("B", &trace) => {
                while !trace.has("body") {
                    assert!(poll!(&mut escaped).is_pending());
                }
            })?;
            trace.step("A's body").await;
            pending::<Result<(), &'static str>>().await
        })
    };
    cut_at(async { block.await.map(drop) }, &trace, "A's body").await;
    trace.reached("exit C: cancelled").await;
    gate.open();
    settle().await;
    let last_four = ["exit C: cancelled", "exited C", "exit A: cancelled", "exited A"];
    assert_eq!(trace.events().last_chunk().unwrap(), &last_four);
}

#[tokio::test]
async fn a_body_that_drives_a_local_set_does_not_wait_for_exits_of_its_tasks() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let tasks = tokio::task::LocalSet::new();
    let task = tasks.spawn_local(endless(Traced::new("B", &trace).exit_waits(&gate), trace.clone()));
    let driving = async {
        async_with!(Traced::new("A", &trace) => {
            tasks.run_until(async {
                trace.reached("body").await;
                task.abort();
                trace.reached("exit B: cancelled").await;
            }).await;
        })
    };
    driving.await.unwrap();
    assert_eq!(trace.events().last().unwrap(), "exited A");
    assert!(!trace.has("exited B"), "it is not nested in A");
    gate.open();
    settle().await;
    assert_eq!(trace.events().last().unwrap(), "exited B");
}

/// Its exit cuts a block.
struct CutsInExit(Trace, Gate);

impl AsyncContextManager for CutsInExit {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        let Self(trace, gate) = self;
        cut_at(endless(Traced::new("inner", &trace).exit_waits(&gate), trace.clone()), &trace, "body").await;
        trace.log("exited");
        Ok(())
    }
}

#[tokio::test]
async fn an_outer_exit_waits_for_a_block_that_was_cut_inside_a_detached_exit() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace), CutsInExit(trace.clone(), gate.clone()) => {
            trace.step("outer body").await;
            pending::<()>().await;
        })
    };
    cut_at(async { block.await.map(drop) }, &trace, "outer body").await;
    trace.reached("exit inner: cancelled").await;
    gate.open();
    settle().await;
    assert_eq!(
        trace.events()[6..],
        ["exited", "exit inner: cancelled", "exited inner", "exit A: cancelled", "exited A"]
    );
}

#[tokio::test]
async fn a_local_manager_is_abandoned_when_its_body_is_dropped() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).local() => { trace.step("body").await; }) };
    cut_at(block, &trace, "body").await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body", "abandon A"], "at once, and no exit");
}

#[tokio::test]
async fn a_local_managers_exit_is_dropped_with_its_block() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).local() => {}) };
    cut_at(block, &trace, "exit A: completed").await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: completed", "exit A dropped"]);
}

#[tokio::test]
async fn a_local_manager_is_neither_exited_nor_abandoned_when_its_enter_is_dropped() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).local() => {}) };
    cut_at(block, &trace, "enter A").await;
    assert_eq!(trace.events(), ["enter A", "enter A dropped"]);
}

#[tokio::test]
async fn a_local_manager_passes_detached_exits_on_to_the_block_around_it() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace).local() => {
                async_with!(Traced::new("C", &trace).exit_waits(&gate) => { trace.step("body").await; })
            })
        })
    };
    cut_at(blocks, &trace, "body").await;
    assert_eq!(trace.events().last().unwrap(), "abandon B");
    trace.reached("exit C: cancelled").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events().last().unwrap(), "exit C: cancelled", "A waits for C");
    gate.open();
    settle().await;
    assert_eq!(trace.events()[9..], ["exited C", "exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn a_local_manager_awaits_detached_exits_inside_it_before_its_own() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let inner = endless(Traced::new("B", &trace).exit_waits(&gate), trace.clone());
    let mut block = Box::pin(async {
        async_with!(Traced::new("A", &trace).local() => { cut_at(inner, &trace, "body").await })
    });
    while !trace.has("exit B: cancelled") {
        assert!(poll!(&mut block).is_pending());
        tokio::task::yield_now().await;
    }
    assert!(poll!(&mut block).is_pending());
    gate.open();
    block.await.unwrap();
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: completed", "exited A"]);
}

// What detached exits lose.

#[tokio::test]
async fn the_error_of_a_detached_exit_goes_to_the_hook() {
    let (trace, losses) = (Trace::new(), losses());
    let manager = Traced::new("A", &trace).exit_fails("lost by a detached exit");
    let line = line!() + 1;
    let block = async { async_with!(manager => { trace.step("body").await; }) };
    cut_at(block, &trace, "body").await;
    settle().await;
    let lost = losses.of("lost by a detached exit");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].manager.ends_with("::Traced"), "{lost:?}");
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Cancelled));
    assert_eq!(lost[0].error, "\"lost by a detached exit\"", "the error itself");
}

#[tokio::test]
async fn the_error_of_an_exit_that_had_begun_goes_to_the_hook_with_what_it_was_told() {
    let (trace, losses) = (Trace::new(), losses());
    let manager = Traced::new("A", &trace).exit_fails("lost by a begun exit");
    let line = line!() + 1;
    cut_at(async { async_with!(manager => {}) }, &trace, "exit A: completed").await;
    settle().await;
    let lost = losses.of("lost by a begun exit");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Completed));
}

#[tokio::test]
async fn a_panic_of_a_detached_exit_goes_to_the_hook_and_stops_no_other_exit() {
    let (trace, losses) = (Trace::new(), losses());
    let inner = Traced::new("B", &trace).exit_panics("panicked in a detached exit");
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(inner => { trace.step("body").await; })
        })
    };
    cut_at(blocks, &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["exit B: cancelled", "exit B panicked", "exit A: cancelled", "exited A"]
    );
    let lost = losses.of("panicked in a detached exit");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].manager.ends_with("::Traced") && lost[0].file == file!(), "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn a_failing_detached_exit_stops_no_other_exit() {
    let (trace, losses) = (Trace::new(), losses());
    let block = async {
        async_with!(
            Traced::new("A", &trace).exit_fails("the outer of two lost"),
            Traced::new("B", &trace).exit_fails("the inner of two lost") => { trace.step("body").await; }
        )
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["exit B: cancelled", "exit B failed", "exit A: cancelled", "exit A failed"]
    );
    assert_eq!((losses.of("the outer of two lost").len(), losses.of("the inner of two lost").len()), (1, 1));
}

// Runtimes.

fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.worker_threads(2).enable_all().build().unwrap())
}

#[test]
fn timeout_select_and_abort_all_cut_on_both_kinds_of_runtime() {
    for runtime in runtimes() {
        runtime.block_on(async {
            for way in ["timeout", "select", "abort"] {
                let trace = Trace::new();
                let block = endless(Traced::new("A", &trace), trace.clone());
                match way {
                    "timeout" => assert!(timeout(Duration::from_millis(1), block).await.is_err()),
                    "select" => tokio::select! {
                        _ = block => unreachable!("its body does not end"),
                        () = trace.reached("body") => {}
                    },
                    _ => {
                        let task = tokio::spawn(block);
                        trace.reached("body").await;
                        task.abort();
                        assert!(task.await.unwrap_err().is_cancelled());
                    }
                }
                settle().await;
                let events = ["enter A", "entered A", "body", "exit A: cancelled", "exited A"];
                assert_eq!(trace.events(), events, "{way}");
            }
        });
    }
}

/// Its exit records the name of the thread it runs on.
struct WhichThread(Trace);

impl AsyncContextManager for WhichThread {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        yield_once().await;
        self.0.log(thread::current().name().unwrap_or_default());
        Ok(())
    }
}

#[test]
fn a_detached_exit_runs_on_the_runtime_that_was_current_when_its_block_began() {
    let trace = Trace::new();
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("of the block").build().unwrap();
    let other = Builder::new_multi_thread().worker_threads(1).thread_name("of the drop").build().unwrap();
    for dropped_on_a_runtime in [false, true] {
        let mut block =
            Box::pin(async { async_with!(WhichThread(trace.clone()) => { pending::<()>().await }) });
        {
            let _entered = runtime.enter();
            assert!(poll_once(block.as_mut()).is_pending());
        }
        let entered = dropped_on_a_runtime.then(|| other.enter());
        drop(block);
        drop(entered);
    }
    runtime.block_on(settle());
    assert_eq!(trace.events(), ["of the block", "of the block"]);
}

/// Like `Traced`, under a name of its own: the hook cannot tell by the error what was lost with its runtime.
macro_rules! traced_as {
    ($name:ident) => {
        struct $name(Traced);

        impl AsyncContextManager for $name {
            type Value = ();
            type Error = &'static str;

            async fn enter(&mut self) -> Result<(), &'static str> {
                self.0.run_enter().await
            }

            async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
                self.0.run_exit(outcome).await
            }
        }
    };
}

traced_as!(Stuck);
traced_as!(Unstarted);
traced_as!(InABody);

#[test]
fn an_exit_that_never_ends_stops_no_unrelated_one_and_is_reported_when_its_runtime_ends() {
    for (turn, runtime) in runtimes().into_iter().enumerate() {
        let (trace, losses, never) = (Trace::new(), losses(), Gate::new());
        runtime.block_on(async {
            let stuck = Stuck(Traced::new("stuck", &trace).exit_waits(&never));
            let block = async { async_with!(stuck => { trace.step("stuck body").await; }) };
            cut_at(block, &trace, "stuck body").await;
            trace.reached("exit stuck: cancelled").await;
            cut_at(endless(Traced::new("A", &trace), trace.clone()), &trace, "body").await;
            trace.reached("exited A").await;
            async_with!(Traced::new("B", &trace) => {}).unwrap();
        });
        assert_eq!(losses.over("::Stuck").len(), turn, "not lost as long as its runtime lives");
        drop(runtime);
        let lost = losses.over("::Stuck");
        assert_eq!(lost.len(), turn + 1, "{lost:?}");
        assert_eq!((lost[turn].file, lost[turn].outcome), (file!(), Outcome::Cancelled));
        assert_eq!(trace.events().last().unwrap(), "exit stuck dropped");
    }
}

#[test]
fn exits_whose_turn_never_came_are_reported_when_their_runtime_ends() {
    let (trace, losses, never) = (Trace::new(), losses(), Gate::new());
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let outer = Unstarted(Traced::new("A", &trace));
        let inner = Traced::new("B", &trace).exit_waits(&never);
        let blocks = async { async_with!(outer, inner => { trace.step("body").await; }) };
        cut_at(blocks, &trace, "body").await;
        trace.reached("exit B: cancelled").await;
    });
    drop(runtime);
    assert_eq!(losses.over("::Unstarted").len(), 1);
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exit B dropped"]);
}

#[test]
fn a_block_that_is_cut_by_the_end_of_its_runtime_is_reported() {
    for (turn, runtime) in runtimes().into_iter().enumerate() {
        let (trace, losses) = (Trace::new(), losses());
        let manager = InABody(Traced::new("A", &trace));
        runtime.block_on(async {
            tokio::spawn({
                let trace = trace.clone();
                async move {
                    async_with!(manager => {
                        trace.step("body").await;
                        pending::<()>().await;
                    })
                }
            });
            trace.reached("body").await;
        });
        drop(runtime);
        assert_eq!(losses.over("::InABody").len(), turn + 1);
        // The next settle must not wait for what is gone.
        futures::executor::block_on(settle());
    }
}
