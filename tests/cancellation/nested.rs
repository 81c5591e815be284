//! Nested blocks: in which order their exits run, and which of them wait for which.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::poll;
use tokio::time::timeout;

use crate::common::trace::{Gate, Trace, Traced, cut_at, poll_once};
use crate::endless;

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
