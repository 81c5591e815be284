//! Entering and exiting are awaited, so the function is an `async fn`, and its callers await it.

use async_with::within;

use crate::managers::Session;

#[within(Session as session)]
async fn run() -> usize {
    session.len()
}

async fn calls() -> usize {
    run().await
}

#[tokio::test]
async fn works() {
    assert_eq!(calls().await, "session".len());
}
