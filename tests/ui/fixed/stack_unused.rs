//! `enter` and `close` do nothing until they are awaited. (rustc only warns of this; the `deny` makes it an error.)

use async_with::AsyncExitStack;

use crate::managers::Connection;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    stack.enter(Connection).await?;
    stack.enter(Connection).await?;
    stack.close().await
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
