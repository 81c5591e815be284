//! What the managers around a failure are told of it.

use std::error::Error;

use async_with::async_with;

use super::Observer;
use crate::common::log::{Failure, Log};

// CPython: test_with.ExceptionalTestCase.testSingleResource.
#[tokio::test]
async fn the_exit_is_told_exactly_the_error_of_the_body() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Observer::new(log, "a") => {
            log.expect(&["enter a"]);
            Err(Failure("test exception"))?
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("test exception")));
    log.expect(&[r#"a sees Failure("test exception")"#, "exit a: failed"]);
}

// CPython: test_with.ExceptionalTestCase.testExceptionNormalized. Neither a box nor `?` changes what is seen.
#[tokio::test]
async fn an_error_that_arises_in_the_body_is_seen_as_a_full_value() {
    async fn run(log: &Log, text: &str) -> Result<u32, Box<dyn Error>> {
        let number = async_with!(Observer::new(log, "a") => { text.parse::<u32>()? });
        Ok(number)
    }

    let log = Log::default();
    assert!(run(&log, "one").await.unwrap_err().is::<std::num::ParseIntError>());
    log.expect(&["enter a", "a sees ParseIntError { kind: InvalidDigit }", "exit a: failed"]);
}

// CPython: test_with.ExceptionalTestCase.testNestedSingleStatements.
#[tokio::test]
async fn nested_blocks_are_told_the_same_error_from_the_inside_out() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Observer::new(log, "a") => {
            async_with!(Observer::new(log, "b") => {
                log.expect(&["enter a", "enter b"]);
                Err(Failure("test exception"))?
            });
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("test exception")));
    log.expect(&[
        r#"b sees Failure("test exception")"#,
        "exit b: failed",
        r#"a sees Failure("test exception")"#,
        "exit a: failed",
    ]);
}

// CPython: test_with.ExceptionalTestCase.testMultipleResourcesInSingleStatement: two managers, and the one that holds them.
#[tokio::test]
async fn several_managers_of_one_block_are_all_told() {
    async fn run(log: &Log) -> Result<(), Failure> {
        let held = [Observer::new(log, "b"), Observer::new(log, "c")];
        async_with!(Observer::new(log, "a"), held => {
            log.expect(&["enter a", "enter b", "enter c"]);
            Err(Failure("test exception"))?
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("test exception")));
    log.expect(&[
        r#"c sees Failure("test exception")"#,
        r#"b sees Failure("test exception")"#,
        "exit c: failed",
        "exit b: failed",
        r#"a sees Failure("test exception")"#,
        "exit a: failed",
    ]);
}

// CPython: test_with.ExceptionalTestCase.testNestedExceptionBeforeInnerStatement.
#[tokio::test]
async fn a_failure_before_the_inner_block_does_not_touch_its_manager() {
    async fn run(log: &Log, before: Result<(), Failure>) -> Result<(), Failure> {
        async_with!(Observer::new(log, "a") => {
            before?;
            async_with!({ log.add("expression"); Observer::new(log, "b") } => { log.add("body") });
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log, Err(Failure("before"))).await, Err(Failure("before")));
    log.expect(&["enter a", r#"a sees Failure("before")"#, "exit a: failed"]);
}

// CPython: test_with.ExceptionalTestCase.testNestedExceptionAfterInnerStatement.
#[tokio::test]
async fn a_failure_after_the_inner_block_is_told_to_the_outer_manager_alone() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Observer::new(log, "a") => {
            async_with!(Observer::new(log, "b") => {});
            Err(Failure("after"))?
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("after")));
    log.expect(&["enter a", "enter b", "exit b: completed", r#"a sees Failure("after")"#, "exit a: failed"]);
}
