//! An asynchronous manager needs no `.into_async()`.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session => println!("{session}"));
}

#[tokio::test]
async fn works() {
    run().await;
}
