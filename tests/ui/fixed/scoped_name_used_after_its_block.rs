//! What was entered is left at the end of the block in which the `let` stands, and its name ends there, as that of any other
//! `let`. To hold it longer, enter it in the outer block; or let the block give what is needed.

use async_with::scoped;

use crate::managers::Session;

#[scoped]
async fn run() -> usize {
    let length = {
        #[enter]
        let session = Session;
        session.push('s');
        session.len()
    };
    length + 1
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await, "sessions".len() + 1);
}
