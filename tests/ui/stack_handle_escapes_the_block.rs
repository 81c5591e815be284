//! A value leaves the block of its stack.

use async_with::{AsyncExitStack, async_with};
use managers::Connection;

async fn run() -> std::io::Result<()> {
    let connection = async_with!(AsyncExitStack::<std::io::Error>::new() as stack => {
        stack.enter(Connection).await?
    })?;
    println!("{connection}");
    Ok(())
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
