//! A stack that is used after it was closed.

use async_with::AsyncExitStack;
use managers::Connection;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    let connection = stack.enter(Connection).await?;
    println!("{connection}");
    drop(connection);
    stack.close().await?;
    stack.enter(Connection).await?;
    Ok(())
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
