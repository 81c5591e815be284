//! A manager that cannot fail, in a stack that can.

use async_with::AsyncExitStack;
use managers::{LeaseLost, Session};

async fn run() -> Result<(), LeaseLost> {
    let stack = AsyncExitStack::<LeaseLost>::new();
    drop(stack.enter(Session).await?);
    stack.close().await
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
