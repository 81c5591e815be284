//! All managers of a block are of one kind. `.into_async()`, from `ContextManagerExt`, makes an asynchronous one of a
//! synchronous one; or nest a `with!` in the block.

use async_with::{ContextManagerExt, async_with};

use crate::managers::{Indent, Session};

async fn run() {
    async_with!(Session as session, Indent.into_async() as indent => {
        println!("{indent}{session}");
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
