//! Cancelled, and destroyed. asyncio cancels by an exception at the current await, which runs what is left of the coroutine; in
//! Rust the future is dropped where it is, and what is owed runs detached. Exits are told `Cancelled`.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use async_with::{AsyncContextManager, async_with, from_fn, settle, with};
use tokio::sync::Notify;

use crate::common::log::Log;
use crate::common::trace::{Gate, Trace, Traced, cut_at, poll_once};

// Observed on CPython 3.13: cancelled in the second enter.
#[tokio::test]
async fn cancelled_in_the_second_enter_the_first_manager_is_exited_alone() {
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

// Observed on CPython 3.13: cancelled in the body.
#[tokio::test]
async fn cancelled_in_the_body_all_exits_are_told_so_from_the_inside_out() {
    let trace = Trace::new();
    let block = async {
        async_with!(Traced::new("A", &trace), Traced::new("B", &trace) => {
            trace.step("body").await;
            pending::<()>().await;
        })
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: cancelled", "exited A"]);
}

// Observed on CPython 3.13: cancelled in the inner exit, its rest is skipped. Here an exit that has begun runs to its end.
#[tokio::test]
async fn cancelled_in_the_inner_exit_it_runs_on_and_the_outer_one_is_told_so() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block =
        async { async_with!(Traced::new("A", &trace), Traced::new("B", &trace).exit_waits(&gate) => {}) };
    cut_at(block, &trace, "exit B: completed").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events()[4..], ["exit B: completed", "exited B", "exit A: cancelled", "exited A"]);
}

// Observed on CPython 3.13: the body fails, and the exit is cancelled. There the body's exception becomes the context of the
// cancellation. Here the exit that was told of the failure runs on; the error goes with the future that it was to leave.
#[tokio::test]
async fn cancelled_in_the_exit_after_a_failure_the_inner_exit_was_told_of_it_and_the_outer_one_is_not() {
    async fn failing(trace: &Trace, gate: &Gate) -> Result<(), &'static str> {
        let _error = scopeguard::guard((), |()| trace.log("the function is gone"));
        async_with!(Traced::new("A", trace), Traced::new("B", trace).exit_waits(gate) => { Err("body")? })
    }

    let (trace, gate) = (Trace::new(), Gate::new());
    cut_at(failing(&trace, &gate), &trace, "exit B: failed").await;
    gate.open();
    settle().await;
    assert_eq!(
        trace.events()[4..],
        ["exit B: failed", "the function is gone", "exited B", "exit A: cancelled", "exited A"]
    );
}

/// A manager whose exit suspends until it is let go on.
fn suspending(
    log: &Log,
    go_on: &Arc<Notify>,
) -> impl AsyncContextManager<Value = (), Error = Infallible> + use<> {
    let (log, go_on) = (log.clone(), Arc::clone(go_on));
    from_fn(
        || async { Ok(()) },
        |(), outcome| async move {
            log.add(format!("exit: {outcome}"));
            go_on.notified().await;
            log.add("exited");
        },
    )
}

// Observed on CPython 3.13: `coro.close()` in the body runs an exit that does not suspend, and fails with "coroutine ignored
// GeneratorExit" if it does. Here a synchronous exit runs in the drop; an asynchronous one, suspend it or not, afterwards.
#[tokio::test]
async fn a_block_destroyed_in_its_body_is_exited_in_the_drop_or_after_it() {
    let log = Log::default();
    let mut block = Box::pin(async { with!(log.sure("a") => async { pending::<()>().await }) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    log.expect(&["enter a", "exit a: cancelled"]);

    let go_on = Arc::default();
    let mut block = Box::pin(async { async_with!(suspending(&log, &go_on) => { pending::<()>().await }) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    log.expect(&[]);
    go_on.notify_one();
    settle().await;
    log.expect(&["exit: cancelled", "exited"]);
}

// Observed on CPython 3.13: a coroutine that is closed before its first step has run nothing.
#[tokio::test]
async fn a_block_destroyed_before_its_first_poll_has_run_nothing() {
    let trace = Trace::new();
    let block = async {
        trace.log("function");
        async_with!({ trace.log("expression"); Traced::new("A", &trace) } => { trace.log("body") })
    };
    drop(block);
    settle().await;
    assert_eq!(trace.events(), [""; 0]);
}
