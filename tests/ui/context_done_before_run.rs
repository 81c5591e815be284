//! A function that asks how the body ended before it has run.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(|body| async move {
        println!("{}", done.outcome());
        let (_value, done) = body.run(1).await;
        Ok(done)
    })
}

fn main() {}
