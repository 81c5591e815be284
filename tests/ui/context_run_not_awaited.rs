//! A function that forgets to await its body.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(|body| async move {
        let (_value, done) = body.run(1);
        Ok(done)
    })
}

fn main() {}
