//! What the body of a function may be, the names in it, and its future.

use std::error::Error;
use std::fmt::Debug;
use std::rc::Rc;

use async_with::within;

use crate::common::log::{Failure, Log, Recorder};
use crate::common::{Fallible, Plain};

#[within(Fallible)]
async fn coerces(how: u8) -> Result<Box<dyn Debug>, Box<dyn Error>> {
    match how {
        0 => return Ok(Box::new(3)),
        1 => Err("text")?,
        2 => Err(Failure("own"))?,
        _ => {}
    }
    Ok(Box::new("x"))
}

#[within(Plain)]
async fn sums(numbers: &[u64]) -> u64 {
    numbers.iter().sum()
}

#[within(Fallible, Plain)]
async fn collects(texts: &[&str]) -> Result<Vec<u8>, Box<dyn Error>> {
    let all = texts.iter().map(|text| text.parse::<u8>());
    Ok(all.collect::<Result<_, _>>()?)
}

#[within(Plain)]
async fn points_to() -> fn(u8) -> u8 {
    |number| number + 1
}

#[within(Plain)]
async fn anyhow_error(text: &str) -> anyhow::Result<u8> {
    anyhow::ensure!(!text.is_empty(), "empty");
    Ok(text.parse()?)
}

#[tokio::test]
async fn the_value_of_the_body_becomes_what_the_function_returns() {
    assert_eq!(format!("{:?}", coerces(0).await.unwrap()), "3");
    assert_eq!(coerces(1).await.unwrap_err().to_string(), "text");
    assert_eq!(coerces(2).await.unwrap_err().to_string(), "own");
    assert_eq!(format!("{:?}", coerces(3).await.unwrap()), "\"x\"");
    assert_eq!(sums(&[1, 2]).await, 3);
    assert_eq!(collects(&["1", "2"]).await.unwrap(), [1, 2]);
    assert_eq!(points_to().await(1), 2);
    assert!(anyhow_error("").await.is_err());
    assert_eq!(anyhow_error("7").await.unwrap(), 7);
}

// Names.

// CPython: test_contextlib_async.AsyncContextManagerTestCase.test_keywords.
#[within(log.sure("a").value(returns + value) as manager)]
#[expect(clippy::too_many_arguments, reason = "names that could be ours")]
async fn names(
    log: &Log,
    value: u32,
    out: u32,
    flag: u32,
    scope: u32,
    product: u32,
    stop: u32,
    returns: u32,
) -> u32 {
    let _ = log;
    let __async_with_returns = 1;
    let __async_with_out = 2;
    *manager + value + out + flag + scope + product + stop + returns + __async_with_returns + __async_with_out
}

#[within(__async_with_manager as __async_with_scope)]
async fn names_that_are_ours(
    __async_with_manager: Recorder<Failure>,
    __async_with_returns: u32,
) -> Result<u32, Failure> {
    *__async_with_scope += 1;
    Ok(*__async_with_scope + __async_with_returns)
}

mod shadowed {
    #![allow(dead_code, non_camel_case_types, reason = "they only stand in the way")]

    use crate::common::{Fallible, Plain};

    pub mod core {}
    pub mod std {}
    pub mod async_with {}
    pub mod async_with_core {}

    pub struct Option;
    pub struct Some;
    pub struct Result;
    pub struct Ok;
    pub struct Err;
    pub struct Infallible;

    #[::async_with::within(Plain, Fallible as value)]
    pub(super) async fn function() -> ::core::result::Result<u8, &'static str> {
        let () = value;
        ::core::result::Result::Ok(1)
    }
}

#[tokio::test]
async fn the_names_of_the_user_and_ours_do_not_meet() {
    assert_eq!(names(&Log::default(), 1, 2, 3, 4, 5, 6, 7).await, 39);
    assert_eq!(names_that_are_ours(Log::default().unsure("a"), 2).await, Ok(3));
    assert_eq!(shadowed::function().await, Ok(1));
}

// Futures.

#[within(log.unsure("a").waits(1) as a, log.sure("b").waits(1))]
async fn can_be_sent(log: Log, list: Vec<u32>) -> Result<u32, Failure> {
    tokio::task::yield_now().await;
    drop(log);
    Ok(*a + list.into_iter().sum::<u32>())
}

#[within(log.sure("a"))]
async fn is_confined(log: Log, shared: Rc<u32>) -> Rc<u32> {
    tokio::task::yield_now().await;
    drop(log);
    shared
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_future_is_send_when_its_parts_are() {
    assert_eq!(tokio::spawn(can_be_sent(Log::default(), vec![1, 2])).await.unwrap(), Ok(3));
    assert_eq!(*is_confined(Log::default(), Rc::new(1)).await, 1);
}
