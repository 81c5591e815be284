//! With the attribute, the body of the function is the body.

use async_with::within;

use crate::managers::Session;

#[within(Session as session)]
async fn run() -> usize {
    session.len()
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, "session".len());
}
