//! A `context` function that runs its body twice.

use async_with::context;

fn manager() -> impl async_with::AsyncContextManager {
    context(|body| async move {
        let (value, _done) = body.run(1).await;
        let (_value, done) = body.run(value).await;
        Ok::<_, std::io::Error>(done)
    })
}

fn main() {}
