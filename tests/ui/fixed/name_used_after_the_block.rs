//! The value is handed to `exit`, and then it is gone. What is needed afterwards is the value of the block.

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
