//! A block is an expression, and is in a function. (Outside of functions, rustc takes what a macro makes for items, and says
//! that this is none.)

use async_with::async_with;

use crate::managers;

async fn run() {
    async_with!(managers::Session as session => {
        println!("{session}");
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
