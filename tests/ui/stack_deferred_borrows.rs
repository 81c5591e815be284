//! A deferred function borrows: it may run after the function that has the stack.

use async_with::AsyncExitStack;

async fn run(name: &str) -> std::io::Result<()> {
    let stack = AsyncExitStack::<std::io::Error>::new();
    stack.defer(move |_outcome| async move { println!("{name}") });
    stack.close().await
}

fn main() {}
