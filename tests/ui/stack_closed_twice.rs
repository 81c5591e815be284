//! A stack is closed twice.

use async_with::AsyncExitStack;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::new();
    stack.close().await?;
    stack.close().await
}

fn main() {}
