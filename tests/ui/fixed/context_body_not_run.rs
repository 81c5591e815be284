//! `context` is for a function that runs the body once, somewhere in its middle. That it has done so is proved by the `Done`
//! that `body.run` gives, and nothing else does.

use async_with::{AsyncContextManager, context};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    context(|body| async move {
        println!("opened");
        let (_value, done) = body.run(1).await;
        println!("closed");
        Ok(done)
    })
}

#[tokio::test]
async fn works() {
    async_with::async_with!(manager() => {}).unwrap();
}
