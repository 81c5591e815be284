//! A block is over a manager, which comes first. Its name may be left out.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session => { println!("within"); });
}

#[tokio::test]
async fn works() {
    run().await;
}
