//! The error of a manager does not convert into that of the stack.

use async_with::AsyncExitStack;
use managers::{Connection, LeaseLost};

async fn run() -> Result<(), LeaseLost> {
    let stack = AsyncExitStack::<LeaseLost>::new();
    drop(stack.enter(Connection).await?);
    stack.close().await
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
