//! A `context` function that does not run its body.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(|_body| async move { println!("opened and closed") })
}

fn main() {}
