//! What is entered is no manager.

use async_with::AsyncExitStack;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    drop(stack.enter(String::new()).await?);
    stack.close().await
}

fn main() {}
