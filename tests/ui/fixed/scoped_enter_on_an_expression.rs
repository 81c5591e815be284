//! It is a `let` that is entered, as its name is what the rest of the block works with. If that is not needed, the name is `_`:
//! what was entered is held to the end of the block all the same, unlike that of a plain `let _`.

use async_with::scoped;

use crate::managers::Session;

#[scoped]
async fn run() -> usize {
    #[enter]
    let _ = Session;
    #[enter]
    let session = Session;
    session.len()
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, "session".len());
}
