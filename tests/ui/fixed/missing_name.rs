//! Write a name after `as`, or leave both out.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session => { println!("{session}"); });
}

#[tokio::test]
async fn works() {
    run().await;
}
