//! A function that borrows from where it is made.

use async_with::{AsyncContextManager, context};

fn manager(name: &str) -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(move |body| async move {
        println!("{name}");
        let (_value, done) = body.run(1).await;
        Ok(done)
    })
}

fn main() {}
