//! Entering and exiting are awaited, so the function is an `async fn`. The same goes for a closure. Where nothing can be
//! awaited, there is `with!`, for managers that need no awaiting.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session => {
        println!("{session}");
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
