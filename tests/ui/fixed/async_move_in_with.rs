//! The body runs in the function, where it stands, and borrows the variables that it uses. There is nothing to move them
//! into.

use async_with::with;

use crate::managers::Indent;

async fn run() {
    with!(Indent => async { tokio::task::yield_now().await; });
}

#[tokio::test]
async fn works() {
    run().await;
}
