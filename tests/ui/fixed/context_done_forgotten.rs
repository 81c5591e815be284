//! Return the `Done` that `body.run` gave: it proves that the body has run. It also says how the body ended, in
//! `done.outcome()`.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(|body| async move {
        let (_value, done) = body.run(1).await;
        println!("the body has ended: {}", done.outcome());
        Ok(done)
    })
}

#[tokio::test]
async fn works() {
    async_with::async_with!(manager() => {}).unwrap();
}
