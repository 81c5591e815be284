//! A function that is not asynchronous.

use async_with::context;

fn manager() -> impl async_with::AsyncContextManager {
    context(|body| {
        let (_value, done) = body.run(1);
        Ok::<_, std::io::Error>(done)
    })
}

fn main() {}
