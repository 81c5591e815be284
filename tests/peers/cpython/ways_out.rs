//! The ways out of a block, and failures that are swallowed.

use std::convert::Infallible;

use async_with::managers::{Elapsed, NoOutput, timeout};
use async_with::{AsyncContextManager, Outcome, Suppress, async_with};
use futures::StreamExt;

use super::generator;
use crate::common::log::{Failure, Log, Suppressor};

// In test_with_8 the exit gives no awaitable, which is an error at run time; here it fails.

/// What the exits of `test_with_8` fail with.
const FAILS: Failure = Failure("the exit failed");

// CPython: test_coroutines.test_with_8, the normal part.
#[tokio::test]
async fn the_end_of_the_body_awaits_the_exit_whose_error_is_the_value() {
    let (log, mut count) = (Log::default(), 0);
    let value = async_with!(log.unsure("a").waits(1).exit_fails(FAILS) => { count += 1 });
    assert_eq!((value, count), (Err(FAILS), 1));
    log.expect(&["enter a", "a waited 1", "exit a: completed", "a waited 1"]);
}

// CPython: test_coroutines.test_with_8, `break`.
#[tokio::test]
async fn break_awaits_the_exit_whose_error_overrides_it() {
    async fn run(log: &Log, count: &mut u32) -> Result<&'static str, Failure> {
        #[expect(clippy::never_loop, reason = "the exit that fails must not let it go on")]
        for _ in 0..2 {
            async_with!(log.unsure("a").waits(1).exit_fails(FAILS) => {
                *count += 1;
                break;
            })?;
        }
        Ok("after the loop")
    }

    let (log, mut count) = (Log::default(), 0);
    assert_eq!((run(&log, &mut count).await, count), (Err(FAILS), 1));
    log.expect(&["enter a", "a waited 1", "exit a: broke", "a waited 1"]);
}

// CPython: test_coroutines.test_with_8, `continue`.
#[tokio::test]
async fn continue_awaits_the_exit_whose_error_overrides_it() {
    async fn run(log: &Log, count: &mut u32) -> Result<&'static str, Failure> {
        for _ in 0..2 {
            async_with!(log.unsure("a").waits(1).exit_fails(FAILS) => {
                *count += 1;
                continue;
            })?;
        }
        Ok("after the loop")
    }

    let (log, mut count) = (Log::default(), 0);
    assert_eq!((run(&log, &mut count).await, count), (Err(FAILS), 1));
    log.expect(&["enter a", "a waited 1", "exit a: continued", "a waited 1"]);
}

// CPython: test_coroutines.test_with_8, `return`.
#[tokio::test]
async fn return_awaits_the_exit_whose_error_overrides_it() {
    async fn run(log: &Log, count: &mut u32) -> Result<&'static str, Failure> {
        async_with!(log.unsure("a").waits(1).exit_fails(FAILS) => {
            *count += 1;
            return Ok("returned");
        })?;
        Ok("after")
    }

    let (log, mut count) = (Log::default(), 0);
    assert_eq!((run(&log, &mut count).await, count), (Err(FAILS), 1));
    log.expect(&["enter a", "a waited 1", "exit a: returned", "a waited 1"]);
}

// CPython: test_with.NonLocalFlowControlTestCase.testWithBreak.
#[tokio::test]
async fn break_leaves_the_loop_from_within() {
    let (log, mut counter) = (Log::default(), 0);
    #[expect(clippy::never_loop, reason = "it is the loop that `break` leaves")]
    loop {
        counter += 1;
        async_with!(log.sure("a") => {
            counter += 10;
            break;
        });
        counter += 100;
    }
    assert_eq!(counter, 11);
    log.expect(&["enter a", "exit a: broke"]);
}

// CPython: test_with.NonLocalFlowControlTestCase.testWithContinue.
#[tokio::test]
async fn continue_goes_on_with_the_loop_from_within() {
    let (log, mut counter) = (Log::default(), 0);
    loop {
        counter += 1;
        if counter > 2 {
            break;
        }
        async_with!(log.sure("a") => {
            counter += 10;
            continue;
        });
        counter += 100;
    }
    assert_eq!(counter, 12);
    log.expect(&["enter a", "exit a: continued"]);
}

// CPython: test_with.NonLocalFlowControlTestCase.testWithReturn.
#[tokio::test]
async fn return_leaves_the_function_from_within() {
    async fn foo(log: &Log) -> u32 {
        let mut counter = 0;
        #[expect(clippy::never_loop, reason = "it is what `return` leaves")]
        loop {
            counter += 1;
            async_with!(log.sure("a") => {
                counter += 10;
                return counter;
            });
            counter += 100;
        }
    }

    let log = Log::default();
    assert_eq!(foo(&log).await, 11);
    log.expect(&["enter a", "exit a: returned"]);
}

// CPython: test_with.NonLocalFlowControlTestCase.testWithYield. Rust has streams for generators.
#[tokio::test]
async fn a_stream_may_give_items_from_within() {
    let log = Log::default();
    let mut items = Vec::new();
    let mut stream = generator(&log);
    while let Some(item) = stream.next().await {
        assert!(!log.has("exit a: completed"), "the block lasts until the last item");
        items.push(item);
    }
    assert_eq!(items, [12, 13]);
    log.expect(&["enter a", "resumed after 12", "resumed after 13", "exit a: completed"]);
}

// CPython: test_with.NonLocalFlowControlTestCase.testWithRaise.
#[tokio::test]
async fn a_failure_leaves_from_within_and_what_follows_the_block_does_not_run() {
    async fn run(log: &Log, counter: &mut u32) -> Result<(), Failure> {
        *counter += 1;
        async_with!(log.sure("a") => {
            *counter += 10;
            Err(Failure("runtime error"))?
        });
        *counter += 100;
        Ok(())
    }

    let (log, mut counter) = (Log::default(), 0);
    assert_eq!(run(&log, &mut counter).await, Err(Failure("runtime error")));
    assert_eq!(counter, 11);
    log.expect(&["enter a", "exit a: failed"]);
}

async fn divides_by_zero(log: &Log, swallow: bool) -> Result<&'static str, Failure> {
    let value: Option<()> =
        async_with!(Suppressor(log.sure("swallow"), swallow) => { Err(Failure("division by zero"))? });
    assert_eq!(value, None);
    Ok("after")
}

// CPython: test_with.ExitSwallowsExceptionTestCase.testExitTrueSwallowsException.
#[tokio::test]
async fn a_manager_that_says_yes_swallows_the_failure() {
    let log = Log::default();
    assert_eq!(divides_by_zero(&log, true).await, Ok("after"));
    log.expect(&["enter swallow", "ask swallow: failed", "exit swallow: failed"]);
}

// CPython: test_with.ExitSwallowsExceptionTestCase.testExitFalseDoesntSwallowException.
#[tokio::test]
async fn a_manager_that_says_no_does_not_swallow_the_failure() {
    let log = Log::default();
    assert_eq!(divides_by_zero(&log, false).await, Err(Failure("division by zero")));
    log.expect(&["enter swallow", "ask swallow: failed", "exit swallow: failed"]);
}

/// Comes to its decision by a function, as CPython does by `__bool__` of what exit returned.
struct Decides(Log, fn() -> bool);

impl AsyncContextManager for Decides {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.add(format!("exit: {outcome}"));
        Ok(())
    }
}

impl Suppress for Decides {
    fn suppress(&mut self, _value: &mut (), _outcome: Outcome) -> bool {
        (self.1)()
    }
}

// CPython: test_with.ExceptionalTestCase.testErrorsInBool. A decision that fails is a panic here, and the exit is told of it.
#[tokio::test]
async fn a_decision_that_fails_replaces_the_failure_that_it_is_about() {
    async fn run(log: Log, decide: fn() -> bool) -> Result<(), Failure> {
        async_with!(Decides(log, decide) => { Err(Failure("should not be seen"))? });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(log.clone(), || true).await, Ok(()));
    assert_eq!(run(log.clone(), || false).await, Err(Failure("should not be seen")));
    log.expect(&["exit: failed", "exit: failed"]);
    let failing = tokio::spawn(run(log.clone(), || panic!("division by zero")));
    let panic = failing.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"division by zero"));
    log.expect(&["exit: panicked"]);
}

// CPython: test_with.ExceptionalTestCase.testRaisedStopIteration1 to 3, testRaisedGeneratorExit1 and 2. What CPython's
// generators use among themselves passes through a block unchanged; so do the types that this crate has for itself.
#[tokio::test]
async fn types_of_the_crate_are_errors_like_others() {
    async fn fails<E: Send>(log: &Log, error: E) -> Result<(), E> {
        async_with!(log.unsure("a") => { Err(error)? }).expect("the manager does not fail");
        Ok(())
    }

    async fn elapsed() -> Elapsed {
        let block = async_with!(timeout(std::time::Duration::ZERO) => { std::future::pending::<()>().await });
        block.expect_err("the body does not end")
    }

    let log = Log::default();
    assert_eq!(fails(&log, Outcome::Completed).await, Err(Outcome::Completed));
    assert_eq!(fails(&log, Outcome::Cancelled).await, Err(Outcome::Cancelled));
    assert_eq!(fails(&log, NoOutput::Aborted).await, Err(NoOutput::Aborted));
    let elapsed = elapsed().await;
    assert_eq!(fails(&log, elapsed).await, Err(elapsed));
    log.expect(&["enter a", "exit a: failed"].repeat(4));
}
