//! A value is not used after its stack was closed, but its handle is still there.

use async_with::AsyncExitStack;
use managers::Connection;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    let connection = stack.enter(Connection).await?;
    println!("{connection}");
    stack.close().await
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
