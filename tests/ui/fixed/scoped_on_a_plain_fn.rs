//! Entering and exiting are awaited, so the function is an `async fn`. There is no such attribute for managers that need no
//! awaiting: `with!` enters those, in any function.

use async_with::{scoped, with};

use crate::managers::{Indent, Session};

#[scoped]
async fn run() -> usize {
    #[enter]
    let session = Session;
    session.len()
}

fn without_awaiting() -> usize {
    with!(Indent as indent => indent.len())
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, "session".len());
    assert_eq!(without_awaiting(), 4);
}
