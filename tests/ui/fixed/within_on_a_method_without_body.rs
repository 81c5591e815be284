//! What happens in a method is said where it has a body: in each `impl`, or in the trait, if it has a default there.

use async_with::within;

use crate::managers::Session;

trait Service {
    async fn run(&self) -> usize;
}

struct Length;

impl Service for Length {
    #[within(Session as session)]
    async fn run(&self) -> usize {
        session.len()
    }
}

#[tokio::test]
async fn works() {
    assert_eq!(Length.run().await, "session".len());
}
