//! Nested blocks and several items.

use std::future::pending;

use async_with::{async_with, settle};

use crate::common::trace::{Gate, Trace, Traced};
use crate::{Stopping, opened};

#[tokio::test]
async fn an_outer_interrupt_cuts_the_inner_block_and_waits_for_its_exit() {
    let (trace, stop, exit) = (Trace::new(), Gate::new(), Gate::new());
    let inner = Traced::new("B", &trace).exit_waits(&exit);
    let blocks = async {
        async_with!(Stopping::new(Traced::new("A", &trace), &stop, "stopped outside") => {
            async_with!(inner => {
                trace.step("body").await;
                pending::<()>().await;
            })
        })
    };
    let stopper = async {
        trace.reached("body").await;
        stop.open();
        trace.reached("exit B: cancelled").await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert!(!trace.has("exit A: interrupted"), "it waits for the inner exit");
        exit.open();
    };
    assert_eq!(tokio::join!(blocks, stopper).0, Err("stopped outside"));
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: interrupted", "exited A"]);
}

#[tokio::test]
async fn an_outer_interrupt_cuts_the_inner_exit_and_waits_for_it() {
    let (trace, stop, exit) = (Trace::new(), Gate::new(), Gate::new());
    let inner = Traced::new("B", &trace).exit_waits(&exit);
    let blocks =
        async { async_with!(Stopping::new(Traced::new("A", &trace), &stop, "stopped outside"), inner => {}) };
    let stopper = async {
        trace.reached("exit B: completed").await;
        stop.open();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert!(!trace.has("exit A: interrupted"), "it waits for the inner exit");
        exit.open();
    };
    assert_eq!(tokio::join!(blocks, stopper).0, Err("stopped outside"));
    assert_eq!(trace.events()[4..], ["exit B: completed", "exited B", "exit A: interrupted", "exited A"]);
}

#[tokio::test]
async fn an_inner_interrupt_is_a_value_to_the_outer_body() {
    let trace = Trace::new();
    let blocks = async_with!(Stopping::new(Traced::new("A", &trace), &Gate::new(), "outer") => {
        let inner = async_with!(Stopping::new(Traced::new("B", &trace), &opened(), "inner") => { pending::<()>().await });
        assert_eq!(inner, Err("inner"));
        "the outer body goes on"
    });
    assert_eq!(blocks, Ok("the outer body goes on"));
    assert_eq!(trace.events()[4..], ["exit B: interrupted", "exited B", "exit A: completed", "exited A"]);
}

// CPython's `test_nested_timeouts`, where only the outermost reports: here the body, and so the inner interrupt, is
// polled before the outer one. The inner exit suspends, and the outer interrupt cuts it.
#[tokio::test]
async fn of_two_interrupts_that_are_due_the_inner_is_told_and_the_outer_is_the_value() {
    let trace = Trace::new();
    let due = opened();
    let blocks = async {
        async_with!(
            Stopping::new(Traced::new("A", &trace), &due, "outer"),
            Stopping::new(Traced::new("B", &trace), &Gate::new(), "inner") => { pending::<()>().await }
        )
    };
    // The outer one is due while the inner item is still being entered.
    assert_eq!(blocks.await, Err("outer"));
    settle().await;
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "enter B dropped", "exit A: interrupted", "exited A"]
    );

    let (trace, due) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(
            Stopping::new(Traced::new("A", &trace), &due, "outer"),
            Stopping::new(Traced::new("B", &trace), &due, "inner") => {
                due.open();
                pending::<()>().await;
            }
        )
    };
    assert_eq!(blocks.await, Err("outer"));
    assert_eq!(
        trace.events()[4..],
        ["exit B: interrupted", "exited B", "exit A: interrupted", "exited A"],
        "the inner exit ran on to its end before the outer one"
    );
}

#[tokio::test]
async fn an_inner_item_that_is_interrupted_fails_the_outer_one() {
    let trace = Trace::new();
    let block = async_with!(
        Traced::new("A", &trace),
        Stopping::new(Traced::new("B", &trace), &opened(), "inner") => { pending::<()>().await }
    );
    assert_eq!(block, Err("inner"));
    assert_eq!(trace.events()[4..], ["exit B: interrupted", "exited B", "exit A: failed", "exited A"]);
}
