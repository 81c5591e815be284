//! What becomes of the rest of a block whose future is dropped.

use std::future::pending;

use async_with::{scoped, settle};

use crate::common::trace::{Gate, Trace, Traced, cut_at};

#[scoped]
async fn endless(outer: Traced, inner: Traced, trace: &Trace) -> Result<(), &'static str> {
    #[enter]
    let () = outer;
    {
        #[enter]
        let () = inner;
        trace.step("body").await;
        pending::<()>().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_drop_during_the_body_detaches_the_exits_in_order() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let (outer, inner) = (Traced::new("A", &trace), Traced::new("B", &trace).exit_waits(&gate));
    cut_at(endless(outer, inner, &trace), &trace, "body").await;
    trace.reached("exit B: cancelled").await;
    gate.open();
    settle().await;
    assert_eq!(
        trace.events()[4..],
        ["body", "exit B: cancelled", "exited B", "exit A: cancelled", "exited A"]
    );
}

#[tokio::test]
async fn a_drop_during_enter_enters_nothing() {
    let trace = Trace::new();
    let (outer, inner) = (Traced::new("A", &trace), Traced::new("B", &trace).enter_waits(&Gate::new()));
    cut_at(endless(outer, inner, &trace), &trace, "enter B").await;
    settle().await;
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "enter B dropped", "exit A: cancelled", "exited A"]
    );
}

#[tokio::test]
async fn a_drop_during_the_exit_lets_it_run_on() {
    #[scoped]
    async fn ends(trace: &Trace, gate: &Gate) -> Result<(), &'static str> {
        #[enter]
        let () = Traced::new("A", trace).exit_waits(gate);
        trace.step("body").await;
        Ok(())
    }
    let (trace, gate) = (Trace::new(), Gate::new());
    cut_at(ends(&trace, &gate), &trace, "exit A: completed").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body", "exit A: completed", "exited A"]);
}

#[tokio::test]
async fn a_future_that_is_never_polled_does_nothing() {
    let trace = Trace::new();
    drop(endless(Traced::new("A", &trace), Traced::new("B", &trace), &trace));
    settle().await;
    assert!(trace.events().is_empty());
}
