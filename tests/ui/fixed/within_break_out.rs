//! There is no loop to leave: the body is a function's. `return` leaves that. (What rustc calls an `async` block is the
//! body.)

use async_with::within;

use crate::managers::Session;

#[within(Session as session)]
async fn run() {
    if session.is_empty() {
        return;
    }
    println!("{session}");
}

#[tokio::test]
async fn works() {
    run().await;
}
