//! All managers in a stack have its error. One that cannot fail can be given any, with `.map_err(…)` from
//! `AsyncContextManagerExt`.

use async_with::{AsyncContextManagerExt, AsyncExitStack};

use crate::managers::{LeaseLost, Session};

async fn run() -> Result<(), LeaseLost> {
    let stack = AsyncExitStack::<LeaseLost>::new();
    drop(stack.enter(Session.map_err(|never| match never {})).await?);
    stack.close().await
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
