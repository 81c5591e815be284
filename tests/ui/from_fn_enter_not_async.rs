//! An enter that is not asynchronous.

use async_with::from_fn;

fn manager() -> impl async_with::AsyncContextManager {
    from_fn(|| Ok::<_, std::io::Error>(1), |_value, _outcome| async {})
}

fn main() {}
