//! The rest of the block begins with the `let`, so the manager has to be there. It may be made before, and entered later. A type
//! behind the name is that of the value which is lent, not that of the manager.

use async_with::scoped;

use crate::managers::Session;

#[scoped]
async fn run() -> usize {
    let manager = Session;
    println!("nothing is entered yet");
    #[enter]
    let session = manager;
    session.len()
}

#[scoped]
async fn typed() -> usize {
    #[enter]
    let session: &mut String = Session;
    session.len()
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, typed().await);
}
