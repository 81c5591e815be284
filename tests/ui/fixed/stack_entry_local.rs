//! When a stack is dropped, its exits run on without it, so everything in it has to be `Send + 'static`. A manager that is
//! not is entered in a block.

use std::convert::Infallible;
use std::rc::Rc;

use async_with::{AsyncExitStack, async_with};

use crate::managers::{Local, Session};

async fn run() -> Result<(), Infallible> {
    let stack = AsyncExitStack::<Infallible>::new();
    drop(stack.enter(Session).await?);
    async_with!(Local(Rc::new(())) => {});
    stack.close().await
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
