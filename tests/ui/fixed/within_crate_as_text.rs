//! The path is a path, not a text, and comes first. It is needed only where the crate is not known as `::async_with`.

use async_with::within;

use crate::managers::Session;

#[within(crate = ::async_with, Session as session)]
async fn run() -> usize {
    session.len()
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, "session".len());
}
