//! What is behind the `let` is its body, so the `let` cannot be there on one platform and absent on another. What is entered may
//! differ: an `Option` of a manager is a manager too, and `None` enters nothing.

use async_with::scoped;

use crate::managers::Session;

fn session() -> Option<Session> {
    cfg!(unix).then_some(Session)
}

#[scoped]
async fn run() -> usize {
    #[enter]
    let session = session();
    session.as_ref().map_or(0, String::len)
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, if cfg!(unix) { "session".len() } else { 0 });
}
