//! Where a function is when its block is dropped.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;

use async_with::{Outcome, async_with, context, settle};
use futures::poll;

use crate::as_one_function;
use crate::common::log::Log;
use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once};
use crate::common::ways::unique;

#[tokio::test]
async fn dropped_before_the_body_the_function_is_dropped() {
    let log = Log::default();
    let inside = log.clone();
    let mut block = Box::pin(async {
        let manager = context(move |body| async move {
            let _guard = inside.on_drop("function dropped");
            pending::<()>().await;
            let ((), done) = body.run(()).await;
            Ok::<_, Infallible>(done)
        });
        async_with!(manager => {});
    });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    log.expect(&["function dropped"]);
}

#[tokio::test]
async fn dropped_in_the_body_the_rest_of_the_function_runs_detached() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = as_one_function(Traced::new("A", &trace).exit_waits(&gate));
    cut_at(async { async_with!(manager => { trace.step("body").await }) }, &trace, "body").await;
    let mut settled = pin!(settle());
    assert!(poll!(&mut settled).is_pending());
    gate.open();
    settled.await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn dropped_in_its_end_the_function_goes_on() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = as_one_function(Traced::new("A", &trace).exit_waits(&gate));
    cut_at(async { async_with!(manager => {}) }, &trace, "exit A: completed").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: completed", "exited A"]);
}

#[tokio::test]
async fn what_the_end_fails_with_when_detached_is_reported() {
    losses();
    for panics in [false, true] {
        let (trace, mark) = (Trace::new(), unique("detached"));
        let traced = Traced::new("A", &trace);
        let traced = if panics { traced.exit_panics(mark) } else { traced.exit_fails(mark) };
        let block = async { async_with!(as_one_function(traced) => { trace.step("body").await }) };
        cut_at(block, &trace, "body").await;
        settle().await;
        let lost = losses().of(mark);
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].outcome, Outcome::Cancelled);
        assert!(lost[0].manager.contains("ContextFn"), "{lost:?}");
    }
}
