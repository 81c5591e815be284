//! What is deferred is awaited: a closure that gives an `async` block, here a `move` one, since it outlives the closure.

use async_with::{async_with, defer};

async fn run() {
    async_with!(defer(|outcome| async move { println!("{outcome}") }) => {});
}

#[tokio::test]
async fn works() {
    run().await;
}
