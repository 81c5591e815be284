//! An exit that does not take the outcome.

use async_with::from_fn;

fn manager() -> impl async_with::AsyncContextManager {
    from_fn(|| async { Ok::<_, std::io::Error>(1) }, |value| async move { println!("{value}") })
}

fn main() {}
