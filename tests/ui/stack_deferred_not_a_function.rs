//! What is deferred is no function.

use async_with::AsyncExitStack;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    stack.defer(42);
    stack.close().await
}

fn main() {}
