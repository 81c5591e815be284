//! Exits that may take only so long.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod detached;
mod late;
mod order;
mod timers;

use std::error::Error as _;
use std::panic::{AssertUnwindSafe, panic_any};
use std::task::Poll;
use std::time::Duration;

use async_with::{AsyncContextManagerExt, ExitTimeoutError, async_with, defer, ready, settle};
use futures::{FutureExt, poll};
use tokio::time::{Instant, sleep};

use crate::common::trace::{Gate, Trace, Traced};

const LIMIT: Duration = Duration::from_secs(5);

type Error = ExitTimeoutError<&'static str>;

fn elapsed<T>(block: &Result<T, Error>) -> bool {
    matches!(block, Err(ExitTimeoutError::Elapsed { limit, .. }) if *limit == LIMIT)
}

/// What the block comes to, and the panic if it panics.
async fn caught<T>(block: impl Future<Output = T>) -> Result<T, &'static str> {
    let caught = AssertUnwindSafe(block).catch_unwind().await;
    caught.map_err(|payload| *payload.downcast_ref::<&str>().expect("a panic of the test"))
}

// Limits.

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_lets_an_exit_pass_that_does_not_wait() {
    let begin = Instant::now();
    assert_eq!(async_with!(ready(1).exit_timeout(Duration::ZERO) as value => *value), Ok(1));
    let trace = Trace::new();
    let block = async_with!(Traced::new("A", &trace).exit_timeout(Duration::ZERO) => {});
    assert_eq!(
        block.unwrap_err().to_string(),
        "the exit took longer than 0ns, and goes on in the background"
    );
    settle().await;
    assert!(trace.has("exited A"));
    assert!(begin.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn the_longest_limit_never_ends() {
    let begin = Instant::now();
    let year = Duration::from_secs(365 * 24 * 3600);
    let block = async_with!(defer(move |_outcome| sleep(year)).exit_timeout(Duration::MAX) => {});
    assert_eq!(block, Ok(()));
    assert!(begin.elapsed() >= year);
}

#[tokio::test(start_paused = true)]
async fn of_two_limits_the_shorter_one_is_reported() {
    let long = LIMIT * 2;
    for (inner, outer) in [(LIMIT, long), (long, LIMIT)] {
        let begin = Instant::now();
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = Traced::new("A", &trace).exit_waits(&gate).exit_timeout(inner).exit_timeout(outer);
        let block = async_with!(manager => {});
        let error = block.unwrap_err();
        let inner_elapsed = matches!(error, ExitTimeoutError::Manager(ExitTimeoutError::Elapsed { .. }));
        assert_eq!(inner_elapsed, inner < outer, "{error:?}");
        assert_eq!(begin.elapsed(), LIMIT);
        sleep(long).await;
        gate.open();
        settle().await;
        assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"], "one exit, told once");
    }
}

// Its error.

#[test]
fn the_error_says_what_happened_and_has_its_source() {
    let manager = ExitTimeoutError::Manager(std::io::Error::other("disk"));
    assert_eq!(manager.to_string(), "entering or exiting the context manager failed");
    assert_eq!(manager.source().unwrap().to_string(), "disk");
}

#[tokio::test(start_paused = true)]
async fn elapsed_has_no_source() {
    let block = async_with!(defer(|_outcome| async { sleep(LIMIT * 2).await; Ok::<_, std::io::Error>(()) }).exit_timeout(LIMIT) => {});
    let error = block.unwrap_err();
    assert_eq!(error.to_string(), "the exit took longer than 5s, and goes on in the background");
    assert!(error.source().is_none());
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_exit_in_time_leaves_and_one_of_the_body_wins() {
    let trace = Trace::new();
    let manager = |payload| Traced::new("A", &trace).exit_panics(payload).exit_timeout(LIMIT);
    let exit = caught(async { async_with!(manager("exit") => {}) }).await;
    assert_eq!(exit, Err("exit"));
    let body = caught(async { async_with!(manager("exit") => { panic_any("body") }) }).await;
    assert_eq!(body, Err::<Result<(), _>, _>("body"));
}

// A late exit is polled by the block until then, and by its runtime after: no wake-up is lost in between.
#[tokio::test(start_paused = true)]
async fn a_late_exit_that_awaits_several_things_gets_to_its_end() {
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let exit = defer(move |_outcome| async move {
        for turn in 0..10 {
            sleep(Duration::from_secs(2)).await;
            sender.send(turn).unwrap();
        }
    });
    assert!(async_with!(exit.exit_timeout(LIMIT) => {}).is_err());
    settle().await;
    let mut turns = Vec::new();
    while let Poll::Ready(Some(turn)) = poll!(Box::pin(received.recv())) {
        turns.push(turn);
    }
    assert_eq!(turns, (0..10).collect::<Vec<_>>());
}
