//! A manager in a stack that cannot leave its thread.

use std::convert::Infallible;
use std::rc::Rc;

use async_with::AsyncExitStack;
use managers::Local;

async fn run() -> Result<(), Infallible> {
    let stack = AsyncExitStack::<Infallible>::new();
    drop(stack.enter(Local(Rc::new(()))).await?);
    stack.close().await
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
