//! A function returns a value whose stack it drops.

use async_with::{AsyncExitStack, Entered};
use managers::Connection;

async fn run<'a>() -> std::io::Result<Entered<'a, u32>> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    stack.enter(Connection).await
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
