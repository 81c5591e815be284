//! A `context` function that returns `Ok(())`.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(|body| async move {
        let (_value, _done) = body.run(1).await;
        Ok(())
    })
}

fn main() {}
