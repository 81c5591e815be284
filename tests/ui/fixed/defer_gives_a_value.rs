//! Nobody receives the value of an exit, so it has none, except an error. End the `async` block with `;`.

use async_with::{async_with, defer};

async fn run() {
    async_with!(defer(|_outcome| async { count(); }) => {});
}

fn count() -> u32 {
    1
}

#[tokio::test]
async fn works() {
    run().await;
}
