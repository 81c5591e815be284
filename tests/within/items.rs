//! Several items, in one attribute and in several.

use std::error::Error;

use async_with::within;

use crate::common::log::{Failure, Log, Recorder};

async fn parsed(text: &str) -> Result<u32, std::num::ParseIntError> {
    tokio::task::yield_now().await;
    text.parse()
}

#[within(log.unsure("a").value(1) as a, log.unsure("b").value(*a + parsed(text).await?) as mut b, log.sure("c"),)]
async fn several(log: &Log, text: &str) -> Result<u32, Box<dyn Error>> {
    if *b > 10 {
        b = a;
    }
    *b += 1;
    Ok(*b)
}

#[tokio::test]
async fn items_are_entered_left_to_right_and_exited_in_reverse() {
    let log = Log::default();
    assert_eq!(several(&log, "5").await.unwrap(), 7);
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
    assert_eq!(several(&log, "50").await.unwrap(), 2);
}

#[tokio::test]
async fn an_expression_that_leaves_the_function_exits_the_items_before_it() {
    let log = Log::default();
    assert!(several(&log, "five").await.is_err());
    log.expect(&["enter a", "exit a: failed"]);
}

#[within(first, second)]
async fn both(
    first: Recorder<Failure>,
    second: Recorder<Failure>,
    result: Result<u8, Failure>,
) -> Result<u8, Failure> {
    result
}

#[tokio::test]
async fn a_later_item_that_fails_is_a_failure_to_those_before_it() {
    let log = Log::default();
    let second = log.unsure("b").enter_fails(Failure("enter"));
    assert_eq!(both(log.unsure("a"), second, Ok(1)).await, Err(Failure("enter")));
    log.expect(&["enter a", "enter b", "exit a: failed"]);
    let second = log.unsure("b").exit_fails(Failure("exit"));
    assert_eq!(both(log.unsure("a"), second, Ok(1)).await, Err(Failure("exit")));
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: failed"]);
    let first = log.unsure("a").exit_fails(Failure("outer exit"));
    assert_eq!(both(first, log.unsure("b"), Ok(1)).await, Err(Failure("outer exit")));
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
}

#[tokio::test]
async fn one_attribute_above_another_is_the_outer_one() {
    #[within(log.sure("a").value(1) as a)]
    #[expect(clippy::allow_attributes_without_reason, reason = "an attribute in between")]
    #[allow(dead_code)]
    #[async_with::within(log.sure("b").value(*a + 1) as b, log.sure("c"))]
    async fn stacked(log: &Log) -> u32 {
        let _ = log;
        *a + *b
    }
    let log = Log::default();
    assert_eq!(stacked(&log).await, 3);
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
}
