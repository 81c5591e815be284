//! A value that is used after its stack was closed.

use async_with::AsyncExitStack;
use managers::Connection;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    let connection = stack.enter(Connection).await?;
    stack.close().await?;
    println!("{connection}");
    Ok(())
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
