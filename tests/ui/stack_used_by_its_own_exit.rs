//! A deferred function closes the stack that it is in.

use std::sync::Arc;

use async_with::AsyncExitStack;

async fn run() -> std::io::Result<()> {
    let stack = Arc::new(AsyncExitStack::<std::io::Error>::new());
    let own = Arc::clone(&stack);
    stack.defer(move |_outcome| async move { own.close().await });
    Ok(())
}

fn main() {}
