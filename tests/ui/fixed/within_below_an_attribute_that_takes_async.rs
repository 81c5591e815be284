//! Attributes are expanded from top to bottom, and `#[tokio::main]` makes a plain function of an `async fn`. So `#[within]`
//! comes first.

use async_with::within;

use crate::managers::Session;

#[within(Session as session)]
#[tokio::main]
async fn main() {
    tokio::task::yield_now().await;
    println!("{session}");
}

#[test]
fn works() {
    main();
}
