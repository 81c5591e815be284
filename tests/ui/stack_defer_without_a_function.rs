//! What to defer is missing.

use async_with::AsyncExitStack;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    stack.defer();
    stack.close().await
}

fn main() {}
