//! One exit for each way out of the body, and what it is told.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use async_with::{Outcome, async_with};

use crate::common::log::{Failure, Log};

#[tokio::test]
async fn a_body_that_ends_has_completed() {
    let log = Log::default();
    assert_eq!(async_with!(log.sure("a").value(2) as a => { *a + 1 }), 3);
    async_with!(log.sure("b") => {});
    assert_eq!(async_with!(log.unsure("c") => { 4 }), Ok(4));
    log.expect(&[
        "enter a",
        "exit a: completed",
        "enter b",
        "exit b: completed",
        "enter c",
        "exit c: completed",
    ]);
}

#[tokio::test]
async fn a_body_whose_value_is_an_err_has_failed() {
    let log = Log::default();
    let value: Result<u8, Failure> = async_with!(log.sure("a") => { Err(Failure("no")) });
    assert_eq!(value, Err(Failure("no")));
    let fine: Result<u8, Failure> = async_with!(log.sure("b") => { Ok(1) });
    assert_eq!(fine, Ok(1));
    log.expect(&["enter a", "exit a: failed", "enter b", "exit b: completed"]);
}

#[tokio::test]
async fn none_is_not_a_failure() {
    async fn leaves_by_question_mark(log: &Log, input: Option<u8>) -> Option<u8> {
        async_with!(log.sure("a") => { Some(input? + 1) })
    }

    let log = Log::default();
    assert_eq!(leaves_by_question_mark(&log, Some(1)).await, Some(2));
    assert_eq!(leaves_by_question_mark(&log, None).await, None);
    assert_eq!(async_with!(log.sure("b") => { None::<u8> }), None);
    log.expect(&[
        "enter a",
        "exit a: completed",
        "enter a",
        "exit a: returned",
        "enter b",
        "exit b: completed",
    ]);
}

#[tokio::test]
async fn only_the_outermost_result_counts() {
    type Nested = Result<Result<u8, Failure>, Failure>;

    async fn returns(log: &Log, nested: Nested) -> Nested {
        async_with!(log.sure("a") => { return nested; })
    }

    let log = Log::default();
    assert_eq!(returns(&log, Ok(Ok(1))).await, Ok(Ok(1)));
    assert_eq!(returns(&log, Ok(Err(Failure("inner")))).await, Ok(Err(Failure("inner"))));
    assert_eq!(returns(&log, Err(Failure("outer"))).await, Err(Failure("outer")));
    log.expect(&["enter a", "exit a: returned", "enter a", "exit a: returned", "enter a", "exit a: failed"]);
    let value: Nested = async_with!(log.sure("b") => { Ok(Err(Failure("inner"))) });
    assert_eq!(value, Ok(Err(Failure("inner"))));
    let in_option: Option<Result<u8, Failure>> = async_with!(log.sure("c") => { Some(Err(Failure("x"))) });
    assert_eq!(in_option, Some(Err(Failure("x"))));
    log.expect(&["enter b", "exit b: completed", "enter c", "exit c: completed"]);
}

#[tokio::test]
async fn an_err_in_the_body_that_is_dealt_with_there_is_not_a_failure() {
    let log = Log::default();
    let is_err = async_with!(log.sure("a") => {
        let result: Result<u8, Failure> = Err(Failure("handled"));
        result.is_err()
    });
    assert!(is_err);
    log.expect(&["enter a", "exit a: completed"]);
}

async fn leave(log: &Log, how: &str) -> Result<&'static str, Failure> {
    for turn in 0..2 {
        async_with!(log.unsure("a") => {
            log.add(format!("body {turn}"));
            match how {
                "return" => return Ok("returned"),
                "return err" => return Err(Failure("err")),
                "?" => Err(Failure("question mark"))?,
                "break" => break,
                "continue" => continue,
                _ => {}
            }
        })?;
        log.add("after");
    }
    Ok("fell through")
}

// CPython: test_coroutines.test_with_8 (normal, break, continue, return), test_with_5 (exit lets the error out).
#[tokio::test]
async fn each_way_out_runs_the_exit_once_and_tells_it_which() {
    let log = Log::default();
    let turn = [
        "enter a",
        "body 0",
        "exit a: completed",
        "after",
        "enter a",
        "body 1",
        "exit a: completed",
        "after",
    ];
    assert_eq!(leave(&log, "end").await, Ok("fell through"));
    log.expect(&turn);
    assert_eq!(leave(&log, "return").await, Ok("returned"));
    log.expect(&["enter a", "body 0", "exit a: returned"]);
    assert_eq!(leave(&log, "return err").await, Err(Failure("err")));
    log.expect(&["enter a", "body 0", "exit a: failed"]);
    assert_eq!(leave(&log, "?").await, Err(Failure("question mark")));
    log.expect(&["enter a", "body 0", "exit a: failed"]);
    assert_eq!(leave(&log, "break").await, Ok("fell through"));
    log.expect(&["enter a", "body 0", "exit a: broke"]);
    assert_eq!(leave(&log, "continue").await, Ok("fell through"));
    log.expect(&["enter a", "body 0", "exit a: continued", "enter a", "body 1", "exit a: continued"]);
}

async fn leave_against_a_failing_exit(log: &Log, how: &str) -> (u32, Result<(), Failure>) {
    let mut turns = 0;
    let mut result = Ok(());
    while turns < 2 {
        turns += 1;
        result = async_with!(log.unsure("a").exit_fails(Failure("exit")) => {
            match how {
                "return" => return (100, Ok(())),
                "break" => break,
                "continue" => continue,
                _ => {}
            }
        });
        log.add("after");
    }
    (turns, result)
}

// CPython: test_coroutines.test_with_8 and test_with_9, each way out with a failing exit.
#[tokio::test]
async fn an_exit_that_fails_takes_the_way_out_back() {
    let log = Log::default();
    for (how, told) in
        [("end", "completed"), ("return", "returned"), ("break", "broke"), ("continue", "continued")]
    {
        assert_eq!(leave_against_a_failing_exit(&log, how).await, (2, Err(Failure("exit"))), "{how}");
        let exit = format!("exit a: {told}");
        log.expect(&["enter a", &exit, "after", "enter a", &exit, "after"]);
    }
}

#[tokio::test]
async fn blocks_around_an_exit_that_fails_after_a_jump_see_a_failure() {
    let log = Log::default();
    let mut after = None;
    #[expect(clippy::never_loop, reason = "the break is what is tested")]
    loop {
        let outer: Result<u8, Failure> = async_with!(log.sure("outer") => {
            async_with!(log.unsure("inner").exit_fails(Failure("exit")) => { break; })
        });
        after = Some(outer);
        break;
    }
    assert_eq!(after, Some(Err(Failure("exit"))));
    log.expect(&["enter outer", "enter inner", "exit inner: broke", "exit outer: failed"]);
}

// CPython: NestedExceptional.testNestedExceptionAfterInnerStatement.
#[tokio::test]
async fn a_failure_after_the_inner_block_is_told_to_the_outer_one_only() {
    async fn fails_late(log: &Log) -> Result<(), Failure> {
        async_with!(log.sure("outer") => {
            async_with!(log.sure("inner") => {});
            Err(Failure("late"))?;
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(fails_late(&log).await, Err(Failure("late")));
    log.expect(&["enter outer", "enter inner", "exit inner: completed", "exit outer: failed"]);
}

// CPython: NestedExceptional.testNestedSingleStatements, testMultipleResourcesInSingleStatement.
#[tokio::test]
async fn nested_blocks_are_told_the_same() {
    async fn fails(log: &Log) -> Result<(), Failure> {
        async_with!(log.sure("a"), log.sure("b") => {
            async_with!(log.sure("c") => { Err(Failure("body"))? });
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(fails(&log).await, Err(Failure("body")));
    log.expect(&["enter a", "enter b", "enter c", "exit c: failed", "exit b: failed", "exit a: failed"]);
}

#[tokio::test]
async fn a_panic_is_told_and_goes_on() {
    let log = Log::default();
    let inside = log.clone();
    let task = tokio::spawn(async move {
        async_with!(inside.sure("a"), inside.sure("b") => { panic!("body") });
    });
    assert!(task.await.unwrap_err().is_panic());
    log.expect(&["enter a", "enter b", "exit b: panicked", "exit a: panicked"]);
}

#[test]
fn only_the_first_four_are_successes() {
    use Outcome::{Broke, Cancelled, Completed, Continued, Failed, Interrupted, Panicked, Returned};
    assert!([Completed, Returned, Broke, Continued].into_iter().all(Outcome::is_success));
    assert!(![Failed, Panicked, Interrupted, Cancelled].into_iter().any(Outcome::is_success));
}
