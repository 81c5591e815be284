//! A block has no second branch. If entering fails, the error is the value of the block, and can be looked at there.

use async_with::async_with;

use crate::managers::Connection;

async fn run() {
    let done = async_with!(Connection as connection => { println!("{connection}"); });
    if let Err(error) = done {
        println!("no connection: {error}");
    }
}

#[tokio::test]
async fn works() {
    run().await;
}
