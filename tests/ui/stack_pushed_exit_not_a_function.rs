//! A value is pushed with an exit that is no function.

use async_with::AsyncExitStack;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    drop(stack.push("value", 42));
    stack.close().await
}

fn main() {}
