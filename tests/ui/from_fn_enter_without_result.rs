//! `from_fn` with an enter that gives no `Result`.

use async_with::from_fn;

fn manager() -> impl async_with::AsyncContextManager {
    from_fn(|| async { 1 }, |_value, _outcome| async {})
}

fn main() {}
