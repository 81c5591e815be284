//! A deferred function gives something that is not an exit's result.

use async_with::AsyncExitStack;

async fn run() -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    stack.defer(|_outcome| async { 5 });
    stack.close().await
}

fn main() {}
