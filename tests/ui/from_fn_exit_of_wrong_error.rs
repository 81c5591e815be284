//! `from_fn` with an exit that has another error than enter.

use async_with::from_fn;

fn manager() -> impl async_with::AsyncContextManager {
    from_fn(|| async { Ok::<_, std::io::Error>(1) }, |_value, _outcome| async { Err(std::fmt::Error) })
}

fn main() {}
