//! An `enter` or a `close` of a stack that is not awaited.

#![deny(unused_must_use)]

use async_with::AsyncExitStack;
use managers::Connection;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    stack.enter(Connection);
    stack.enter(Connection).await?;
    stack.close();
    Ok(())
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
