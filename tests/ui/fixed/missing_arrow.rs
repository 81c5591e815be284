//! Between the manager and the body is `=>`, or a comma. With the comma, rustfmt formats the block.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session, {
        println!("{session}");
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
