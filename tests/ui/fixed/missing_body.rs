//! The manager is exited after the body, so there has to be one.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session => { println!("{session}"); });
}

#[tokio::test]
async fn works() {
    run().await;
}
