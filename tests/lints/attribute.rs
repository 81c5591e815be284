//! `#[within]`.

use async_with::within;

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};

#[within(log.sure("a"))]
pub(super) async fn unit(log: &Log) {
    log.add("body");
}

#[within(log.sure("a") as _guard, log.unsure("b"))]
pub(super) async fn guards(log: &Log) -> Result<(), Failure> {
    log.add("body");
    Ok(())
}

#[within(log.unsure("a") as a)]
pub(super) async fn ends_in_a_return(log: &Log, early: bool) -> Result<u32, Failure> {
    if early {
        return Ok(1);
    }
    loop {
        if *a == 0 {
            return Ok(*a);
        }
    }
}

#[within(Fallible)]
pub(super) async fn ends_in_the_question_mark(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    Ok(text.parse::<u32>()?)
}

#[within(Plain)]
pub(super) async fn is_one_expression(number: u8) -> u8 {
    number
}

#[within(Plain)]
pub(super) async fn is_empty() {}

#[within(Plain)]
pub(super) async fn ends_in_a_panic(number: Option<u8>) -> u8 {
    match number {
        Some(number) => number,
        None => panic!("no number"),
    }
}

#[within(Fallible)]
pub(super) async fn always_panics() -> Result<(), &'static str> {
    todo!()
}

#[within(Plain)]
pub(super) async fn never_ends() -> u8 {
    loop {
        tokio::task::yield_now().await;
    }
}

#[within(Plain as &mut ())]
pub(super) async fn moves_a_parameter(mut list: Vec<u32>, extra: Vec<u32>) -> Vec<u32> {
    list.extend(extra);
    list
}

/// Documented.
///
/// # Errors
///
/// None.
#[must_use = "it is what was asked for"]
#[within(Plain)]
pub(super) async fn is_opaque(text: &str) -> impl Iterator<Item = char> {
    text.chars()
}
