//! The body is a piece of the caller's function, and runs once: `body.run` takes `body`. To try something again, put a loop
//! around the block.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager {
    context(|body| async move {
        let (_value, done) = body.run(1).await;
        Ok::<_, std::io::Error>(done)
    })
}

#[tokio::test]
async fn works() {
    assert!(async_with::async_with!(manager() => {}).is_ok());
}
