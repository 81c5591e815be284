//! A closed stack is gone: `close` takes it. Close it when everything has been entered, or make another.

use async_with::AsyncExitStack;

use crate::managers::Connection;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    let connection = stack.enter(Connection).await?;
    println!("{connection}");
    drop(connection);
    stack.enter(Connection).await?;
    stack.close().await
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
