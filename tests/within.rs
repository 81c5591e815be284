//! scratch
mod common;
use async_with::within;
use crate::common::log::{Failure, Log};

#[within(log.unsure("a").value(n) as a)]
async fn f(log: &Log, n: u32) -> Result<u32, Failure> {
    if n == 0 { return Ok(7); }
    *a += 1;
    Ok(*a)
}
#[within(log.sure("a"), log.unsure("b"))]
async fn g(log: &Log) -> Result<Box<dyn std::fmt::Debug>, Box<dyn std::error::Error>> {
    "x".parse::<u8>()?;
    Ok(Box::new(3))
}
#[within(log.sure("a"))]
#[within(log.sure("b"))]
async fn h(log: &Log) {
    log.add("x");
}
#[within(log.sure("a"))]
async fn i(log: &Log) -> impl std::fmt::Display + use<> {
    return "x";
}
#[tokio::test]
async fn works() {
    let log = Log::default();
    assert_eq!(f(&log, 1).await, Ok(2));
    assert_eq!(f(&log, 0).await, Ok(7));
    assert!(g(&log).await.is_err());
    h(&log).await;
    i(&log).await;
    log.expect(&[]);
}
