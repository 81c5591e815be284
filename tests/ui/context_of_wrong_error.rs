//! A function with another error than it is said to have.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(|body| async move {
        let (_value, done) = body.run("1".parse::<u32>()?).await;
        Ok::<_, std::num::ParseIntError>(done)
    })
}

fn main() {}
