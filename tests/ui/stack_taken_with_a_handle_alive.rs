//! A value is used after everything was taken out of its stack.

use async_with::{AsyncExitStack, async_with};
use managers::Connection;

async fn run() -> std::io::Result<AsyncExitStack<std::io::Error>> {
    async_with!(AsyncExitStack::<std::io::Error>::new() as stack => {
        let connection = stack.enter(Connection).await?;
        let taken = stack.take();
        println!("{connection}");
        taken
    })
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
