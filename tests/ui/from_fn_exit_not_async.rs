//! An exit that is not asynchronous.

use async_with::from_fn;

fn manager() -> impl async_with::AsyncContextManager {
    from_fn(|| async { Ok::<_, std::io::Error>(1) }, |value, _outcome| println!("{value}"))
}

fn main() {}
