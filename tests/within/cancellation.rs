//! What becomes of a function whose future is dropped.

use std::future::pending;

use async_with::{settle, within};

use crate::common::trace::{Gate, Trace, Traced, cut_at};

#[within(manager)]
async fn endless(manager: Traced, trace: &Trace) -> Result<(), &'static str> {
    trace.step("body").await;
    pending().await
}

#[tokio::test]
async fn a_drop_during_the_body_detaches_the_exit() {
    let trace = Trace::new();
    cut_at(endless(Traced::new("A", &trace), &trace), &trace, "body").await;
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body", "exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn a_drop_during_enter_enters_nothing() {
    let trace = Trace::new();
    let manager = Traced::new("A", &trace).enter_waits(&Gate::new());
    cut_at(endless(manager, &trace), &trace, "enter A").await;
    settle().await;
    assert_eq!(trace.events(), ["enter A", "enter A dropped"]);
}

#[tokio::test]
async fn a_drop_during_the_exit_lets_it_run_on() {
    #[within(Traced::new("A", trace).exit_waits(gate))]
    async fn ends(trace: &Trace, gate: &Gate) -> Result<(), &'static str> {
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
    drop(endless(Traced::new("A", &trace), &trace));
    settle().await;
    assert!(trace.events().is_empty());
}
