//! To rustc the body is one piece that borrows the variable before it has a value. Make it the value of the block.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    let length = async_with!(Session as session => { session.len() });
    println!("{length}");
}

#[tokio::test]
async fn works() {
    run().await;
}
