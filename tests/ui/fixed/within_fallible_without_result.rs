//! What entering or exiting fails with leaves the function, as by `?`. So the function needs a `Result` to put it in.

use async_with::within;

use crate::managers::Connection;

#[within(Connection as connection)]
async fn run() -> std::io::Result<u32> {
    Ok(*connection)
}

async fn calls() -> std::io::Result<u32> {
    run().await
}

#[tokio::test]
async fn works() {
    assert_eq!(calls().await.unwrap(), 1);
}
