//! A handle borrows from its stack, so it cannot be used when its manager has been exited. Let it go before the stack is
//! closed: with `drop`, or at the end of an inner block.

use async_with::AsyncExitStack;

use crate::managers::Connection;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    let connection = stack.enter(Connection).await?;
    println!("{connection}");
    drop(connection);
    stack.close().await
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
