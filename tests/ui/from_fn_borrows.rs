//! An enter that borrows from where it is made.

use async_with::{AsyncContextManager, from_fn};

fn manager(name: &str) -> impl AsyncContextManager<Value = String, Error = std::io::Error> {
    from_fn(move || async move { Ok(name.to_owned()) }, |_value, _outcome| async {})
}

fn main() {}
