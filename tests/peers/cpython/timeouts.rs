//! `asyncio.timeout`: here the manager `timeout`, and `deadline` for `timeout_at`.

use std::future::{pending, ready};
use std::panic::panic_any;
use std::time::Duration;

use async_with::managers::{Elapsed, deadline, timeout};
use async_with::{Outcome, async_with, defer, settle};
use tokio::time::{Instant, advance, sleep};

use super::expect_lost;
use crate::common::log::{Failure, Log, LostErrors};
use crate::common::trace::{Trace, yield_once};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// For how long the body was allowed to run, of a block that was interrupted.
#[track_caller]
fn limit<T>(block: Result<T, Elapsed>) -> Duration {
    block.map(drop).expect_err("the block is interrupted").limit()
}

// CPython: test_asyncio.test_timeouts.TimeoutTests.test_timeout_basic, test_timeout_at_basic.
#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_interrupted() {
    let start = Instant::now();
    assert_eq!(limit(async_with!(timeout(seconds(1)) => { sleep(seconds(10)).await })), seconds(1));
    assert_eq!(start.elapsed(), seconds(1));
    let at = start + seconds(3);
    let block = async_with!(deadline(at) as deadline => {
        assert_eq!(deadline.deadline(), Some(at));
        sleep(seconds(10)).await;
    });
    assert_eq!(limit(block), seconds(2));
    assert_eq!(start.elapsed(), seconds(3));
}

// CPython: TimeoutTests.test_timeout_not_called.
#[tokio::test(start_paused = true)]
async fn a_body_that_ends_in_time_is_not_interrupted() {
    let block = async_with!(timeout(seconds(10)) as deadline => {
        sleep(seconds(1)).await;
        deadline.deadline().unwrap() > Instant::now()
    });
    assert_eq!(block, Ok(true));
}

// CPython: TimeoutTests.test_timeout_disabled, test_timeout_at_disabled. Here a limit is taken away, or never ends.
#[tokio::test(start_paused = true)]
async fn a_body_without_a_limit_is_not_interrupted() {
    let block = async_with!(timeout(seconds(1)) as deadline => {
        deadline.disable();
        sleep(seconds(10)).await;
        deadline.deadline()
    });
    assert_eq!(block, Ok(None));
    assert_eq!(async_with!(timeout(Duration::MAX) => { sleep(seconds(10)).await }), Ok(()));
}

// CPython: TimeoutTests.test_timeout_zero, test_timeout_zero_sleep_zero, test_timeout_in_the_past_sleep_zero.
#[tokio::test(start_paused = true)]
async fn a_body_without_time_is_interrupted_at_its_first_await_that_is_not_ready() {
    let start = Instant::now();
    advance(seconds(11)).await;
    for make in [|_start| timeout(Duration::ZERO), deadline] {
        assert_eq!(limit(async_with!(make(start) => { sleep(seconds(10)).await })), Duration::ZERO);
        assert_eq!(limit(async_with!(make(start) => { yield_once().await })), Duration::ZERO);
        assert_eq!(async_with!(make(start) => { ready("done").await }), Ok("done"));
    }
    assert_eq!(start.elapsed(), seconds(11));
}

// CPython: TimeoutTests.test_nested_timeouts.
#[tokio::test(start_paused = true)]
async fn of_nested_timeouts_that_are_over_at_once_the_outermost_alone_reports() {
    let (end, log) = (Instant::now() + seconds(1), Log::default());
    let block = async_with!(deadline(end) => {
        let _cancelled = log.on_drop("cancelled");
        let inner = async_with!(deadline(end) => { sleep(seconds(10)).await });
        log.add(format!("the inner one gave {inner:?}"));
    });
    assert_eq!(limit(block), seconds(1));
    log.expect(&["cancelled"]);
}

// CPython: TimeoutTests.test_nested_timeouts_concurrent, test_nested_timeouts_loop_busy.
#[tokio::test(start_paused = true)]
async fn an_outer_timeout_that_is_over_while_the_task_is_busy_reports() {
    for (outer, inner) in [(2, 100), (100, 2)] {
        let log = Log::default();
        let block = async_with!(timeout(seconds(outer)) => {
            let inner = async_with!(timeout(seconds(inner)) => {
                // Some numbers are crunched meanwhile.
                advance(seconds(outer)).await;
                sleep(seconds(1000)).await;
            });
            log.add(format!("the inner one gave {inner:?}"));
            sleep(seconds(1000)).await;
        });
        assert_eq!(limit(block), seconds(outer));
        log.expect(&[]);
    }
}

// CPython: TimeoutTests.test_foreign_exception_passed.
#[tokio::test(start_paused = true)]
async fn another_error_passes() {
    async fn run() -> Result<(), Failure> {
        async_with!(timeout(seconds(1)) => { Err(Failure("key error"))? }).expect("it is in time");
        Ok(())
    }

    assert_eq!(run().await, Err(Failure("key error")));
}

// CPython: TimeoutTests.test_foreign_exception_on_timeout: cleaning up fails while the body is being interrupted. There that
// exception leaves, with the timeout as its context. Here the error of an exit is lost behind the timeout, and a panic leaves.
#[tokio::test(start_paused = true)]
async fn a_failure_to_clean_up_at_the_timeout_is_reported_and_a_panic_leaves() {
    let lost = LostErrors::with("crash at the timeout");
    let block = async_with!(timeout(seconds(1)) => {
        let crash = defer(|_outcome| ready(Err(Failure("crash at the timeout"))));
        async_with!(crash => { sleep(seconds(10)).await }).expect("it is interrupted");
    });
    assert_eq!(limit(block), seconds(1));
    expect_lost(&lost, &["crash at the timeout"]);
    assert_eq!(lost.all()[0].outcome, Outcome::Cancelled);

    let panics = tokio::spawn(async {
        async_with!(timeout(seconds(1)) => {
            scopeguard::defer! { panic_any("crash") }
            sleep(seconds(10)).await;
        })
    });
    assert_eq!(panics.await.unwrap_err().into_panic().downcast_ref(), Some(&"crash"));
}

// CPython: TimeoutTests.test_foreign_cancel_doesnt_timeout_if_not_expired.
#[tokio::test(start_paused = true)]
async fn a_task_that_is_aborted_before_the_timeout_is_cancelled_and_not_late() {
    let trace = Trace::new();
    let in_task = trace.clone();
    let task = tokio::spawn(async move {
        let told = in_task.clone();
        let told = defer(|outcome| async move { told.log(format!("told: {outcome}")) });
        let block = async_with!(told, timeout(seconds(10)) => {
            in_task.log("body");
            pending::<()>().await;
        });
        in_task.log(format!("{block:?}"));
    });
    trace.reached("body").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    settle().await;
    assert_eq!(trace.events(), ["body", "told: cancelled"]);
}

// CPython: TimeoutTests.test_reschedule. The body alone can move its deadline here.
#[tokio::test(start_paused = true)]
async fn a_deadline_may_be_moved_and_taken_away() {
    let (start, trace) = (Instant::now(), Trace::new());
    let in_task = trace.clone();
    let task = tokio::spawn(async move {
        let block = async_with!(deadline(start + seconds(10)) as deadline => {
            assert_eq!(deadline.deadline(), Some(start + seconds(10)));
            deadline.reset(start + seconds(30));
            assert_eq!(deadline.deadline(), Some(start + seconds(30)));
            sleep(seconds(20)).await;
            in_task.log("beyond the first");
            deadline.disable();
            assert_eq!(deadline.deadline(), None);
            sleep(seconds(20)).await;
            in_task.log("beyond the second");
            pending::<()>().await;
        });
        in_task.log(format!("{block:?}"));
    });
    trace.reached("beyond the second").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(trace.events(), ["beyond the first", "beyond the second"]);
    assert_eq!(start.elapsed(), seconds(40));
}

// CPython: TimeoutTests.test_nested_timeout_in_finally.
#[tokio::test(start_paused = true)]
async fn a_timeout_bounds_the_cleanup_of_a_body_that_was_interrupted() {
    let (start, log) = (Instant::now(), Log::default());
    let in_exit = log.clone();
    let cleanup = defer(|outcome| async move {
        let late = limit(async_with!(timeout(seconds(2)) => { sleep(seconds(10)).await }));
        in_exit.add(format!("{outcome}: cut after {late:?}"));
    });
    let block = async_with!(timeout(seconds(1)) => {
        async_with!(cleanup => { sleep(seconds(10)).await });
    });
    assert_eq!(limit(block), seconds(1));
    log.expect(&["cancelled: cut after 2s"]);
    assert_eq!(start.elapsed(), seconds(3));
}

// CPython: TimeoutTests.test_timeout_after_cancellation, test_cancel_in_timeout_after_cancellation.
#[tokio::test(start_paused = true)]
async fn a_timeout_works_in_an_exit_that_runs_after_a_cancellation() {
    let trace = Trace::new();
    let in_task = trace.clone();
    let task = tokio::spawn(async move {
        let in_exit = in_task.clone();
        let cleanup = defer(|outcome| async move {
            let late = limit(async_with!(timeout(Duration::ZERO) => { sleep(seconds(1)).await }));
            in_exit.log(format!("{outcome}: cut after {late:?}"));
        });
        async_with!(cleanup => {
            in_task.log("body");
            pending::<()>().await;
        });
    });
    trace.reached("body").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    settle().await;
    assert_eq!(trace.events(), ["body", "cancelled: cut after 0ns"]);
}
