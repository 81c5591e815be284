//! `take`, which moves all out of a stack.

use std::future::pending;

use async_with::{AsyncContextManagerExt, async_with, settle};

use crate::Stack;
use crate::common::part::checks::{check_exactly_once, check_lifo};
use crate::common::part::{End, Fault, Leave, Plan, Run, Step, body};
use crate::common::trace::poll_once;

// CPython: test_pop_all; test262: move/returns-new-asyncdisposablestack-that-contains-moved-resources,
// move/does-not-dispose-resources, move/sets-state-to-disposed (here it is empty and goes on).
#[tokio::test]
async fn moves_all_out_and_leaves_an_empty_stack() {
    let run = Run::new();
    let mut stack = Stack::new();
    drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
    drop(stack.enter(run.part("B", Plan::ok())).await.unwrap());
    let taken = stack.take();
    assert_eq!((stack.len(), taken.len()), (0, 2));
    drop(stack.enter(run.part("C", Plan::ok())).await.unwrap());
    stack.close().await.unwrap();
    run.expect(&[
        "enter A",
        "entered A",
        "enter B",
        "entered B",
        "enter C",
        "entered C",
        "exit C: completed",
    ]);
    taken.close().await.unwrap();
    check_exactly_once(&run.events(), "taken");
    assert!(run.trace.has("exit A: completed"));
}

// Observed on CPython 3.13: pop_all, then an error: nothing is exited.
#[tokio::test]
async fn in_a_block_that_fails_later_saves_what_was_taken() {
    let run = Run::new();
    let mut saved = None;
    let failing = async {
        async_with!(Stack::new() as stack => {
            drop(stack.enter(run.part("A", Plan::ok())).await?);
            saved = Some(stack.take());
            drop(stack.enter(run.part("B", Plan::ends(End::Fails, End::Succeeds))).await?);
        })
    };
    let result: Result<(), Fault> = failing.await;
    assert_eq!(result, Err(run.fault("B enter")));
    run.expect(&["enter A", "entered A", "enter B", "failed B enter"]);
    saved.unwrap().close().await.unwrap();
    assert!(run.trace.has("exit A: completed"));
}

/// What was cut while it was entered into the old stack is nested in what was entered before it.
#[tokio::test]
async fn keeps_the_order_of_what_was_cut() {
    for block in [false, true] {
        let run = Run::new();
        let slow =
            Plan { enter: Step::new(5, End::Succeeds), exit: Step::new(5, End::Succeeds), interrupts: None };
        let mut stack = Stack::new();
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        {
            let mut entering = Box::pin(stack.enter(run.part("B", slow).finish_enter()));
            assert!(poll_once(entering.as_mut()).is_pending());
        }
        if block {
            async_with!(stack => {}).unwrap();
        } else {
            stack.take().close().await.unwrap();
        }
        let what = format!("in a block: {block}");
        settle().await;
        check_exactly_once(&run.events(), &what);
        check_lifo(&run.events(), &what);
    }
}

#[tokio::test]
async fn takes_the_interrupts_along() {
    let run = Run::new();
    let soon = Plan { interrupts: Some(2), ..Plan::ok() };
    let taken = async_with!(Stack::new() as stack => {
        drop(stack.enter(run.part("A", soon)).await.unwrap());
        let taken = stack.take();
        body(&run, Leave::AtTheEnd).await.unwrap();
        taken
    })
    .unwrap();
    let result: Result<(), Fault> = async_with!(taken => pending::<()>().await);
    assert!(result.unwrap_err().0.contains("A interrupt"));
    run.expect(&["enter A", "entered A", "body", "exit A: interrupted"]);
}
