//! When the future is dropped in the middle of the body, what is deferred runs on without it, so it cannot borrow from it.
//! Let it own what it needs: with `move`, and a clone or an `Arc` if others need it too.

use async_with::{async_with, defer};

async fn run() {
    let log = vec![1];
    async_with!(defer(move |_outcome| async move { println!("{log:?}") }) => {});
}

#[tokio::test]
async fn works() {
    run().await;
}
