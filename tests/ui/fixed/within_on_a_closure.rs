//! Rust has no attributes on closures yet. The body of a closure can be an `async_with!` block.

use async_with::async_with;

use crate::managers::Session;

async fn run() -> usize {
    let closure = async || async_with!(Session as session => session.len());
    closure().await
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, "session".len());
}
