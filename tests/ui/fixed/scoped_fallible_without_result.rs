//! What entering or exiting fails with leaves the function, as by `?`. So the function needs a `Result` to put it in, or handles
//! the error itself, as the value of an `async_with!` block.

use async_with::{async_with, scoped};

use crate::managers::Connection;

#[scoped]
async fn run() -> std::io::Result<u32> {
    #[enter]
    let connection = Connection;
    Ok(*connection)
}

async fn in_a_block() {
    for _ in 0..2 {
        let block = async_with!(Connection as connection => *connection += 1);
        if let Err(error) = block {
            println!("not connected: {error}");
        }
    }
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await.unwrap(), 1);
    in_a_block().await;
}
