//! In which order they are entered and exited, and what fails between.

use std::convert::Infallible;

use async_with::async_with;

use crate::common::log::{Failure, Log, Recorder};

// CPython: test_with.NestedWith.testNoExceptions.
#[tokio::test]
async fn they_are_entered_left_to_right_and_exited_in_reverse() {
    let log = Log::default();
    let sum = async_with!(log.sure("a").value(1) as a, log.sure("b").value(2) as b => {
        log.add("body");
        *a + *b
    });
    assert_eq!(sum, 3);
    log.expect(&["enter a", "enter b", "body", "exit b: completed", "exit a: completed"]);
}

#[tokio::test]
async fn each_expression_is_evaluated_after_the_enter_before_it_and_may_use_its_name() {
    fn make(log: &Log, name: &'static str, value: u32) -> Recorder<Infallible> {
        log.add(format!("make {name}"));
        log.sure(name).value(value)
    }

    let log = Log::default();
    let value = async_with!(
        make(&log, "a", 1) as a,
        make(&log, "b", *a + 1) as b,
        make(&log, "c", { *a += 10; *a + *b }) as c,
        => { (*a, *b, *c) }
    );
    assert_eq!(value, (11, 2, 13));
    log.expect(&[
        "make a",
        "enter a",
        "make b",
        "enter b",
        "make c",
        "enter c",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
}

#[tokio::test]
async fn a_later_name_shadows_an_earlier_one() {
    let log = Log::default();
    let value = async_with!(log.sure("a").value(1) as x, log.sure("b").value(*x + 1) as x => { *x });
    assert_eq!(value, 2);
}

// CPython: test_with.NestedWith.testExceptionInEnter.
#[tokio::test]
async fn an_enter_that_fails_is_told_to_the_earlier_ones_as_a_failure() {
    let log = Log::default();
    let value = async_with!(
        log.unsure("a"), log.sure("b"), log.unsure("c").enter_fails(Failure("c")), log.unsure("d")
        => { log.add("body") }
    );
    assert_eq!(value, Err(Failure("c")));
    log.expect(&["enter a", "enter b", "enter c", "exit b: failed", "exit a: failed"]);
}

// CPython: test_with.NestedWith.testExceptionInExprList. test262: await-using/initializer-Symbol.asyncDispose-called-
// if-subsequent-initializer-throws and its Symbol.dispose twin.
#[tokio::test]
async fn an_expression_that_fails_is_told_to_the_earlier_ones_as_a_failure() {
    async fn run(log: &Log, second: Result<&'static str, Failure>) -> Result<u8, Failure> {
        async_with!(log.sure("a"), log.sure(second?) => {
            log.add("body");
        });
        Ok(1)
    }

    let log = Log::default();
    assert_eq!(run(&log, Ok("b")).await, Ok(1));
    log.expect(&["enter a", "enter b", "body", "exit b: completed", "exit a: completed"]);
    assert_eq!(run(&log, Err(Failure("b"))).await, Err(Failure("b")));
    log.expect(&["enter a", "exit a: failed"]);
}

// test262: await-using/initializer-disposed-if-subsequent-initializer-throws-in-forstatement-head.
#[tokio::test]
async fn so_is_one_in_the_head_of_a_loop() {
    async fn run(log: &Log, end: Result<u8, Failure>) -> Result<(), Failure> {
        async_with!(log.sure("a") => {
            for _ in 0..end? {
                log.add("turn");
            }
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log, Err(Failure("x"))).await, Err(Failure("x")));
    log.expect(&["enter a", "exit a: failed"]);
}

#[tokio::test]
async fn the_first_expression_may_fail_before_anything_is_entered() {
    async fn run(log: &Log, first: Option<&'static str>) -> Option<u8> {
        async_with!(log.sure(first?), log.sure("b") => {});
        Some(1)
    }

    let log = Log::default();
    assert_eq!(run(&log, None).await, None);
    log.expect(&[]);
    assert_eq!(run(&log, Some("a")).await, Some(1));
}

#[tokio::test]
async fn a_later_expression_may_return() {
    async fn run(log: &Log) -> &'static str {
        async_with!(log.sure("a"), if log_is(log) { return "early" } else { log.sure("b") } => {});
        "late"
    }

    let log = Log::default();
    assert_eq!(run(&log).await, "early");
    log.expect(&["enter a", "exit a: returned"]);
}

fn log_is(_log: &Log) -> bool {
    true
}

fn broken() -> Recorder<Infallible> {
    panic!("no manager")
}

#[tokio::test]
async fn an_expression_that_panics_is_told_to_the_earlier_ones() {
    let log = Log::default();
    let inside = log.clone();
    let task = tokio::spawn(async move {
        async_with!(inside.sure("a"), broken() => {});
    });
    assert!(task.await.unwrap_err().is_panic());
    log.expect(&["enter a", "exit a: panicked"]);
}
