//! An enter is not awaited, and a handle is not kept.

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
