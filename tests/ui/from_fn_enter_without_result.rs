//! An enter that gives the value itself.

use async_with::from_fn;

fn manager() -> impl async_with::AsyncContextManager {
    from_fn(|| async { 1 }, |_value, _outcome| async {})
}

fn main() {}
