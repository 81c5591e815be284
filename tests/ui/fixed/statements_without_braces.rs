//! A single expression needs no braces; more than one do.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session => {
        println!("{session}");
        println!("again");
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
