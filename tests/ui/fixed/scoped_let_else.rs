//! The manager is entered whatever its value is. Look at the value afterwards; if the `else` leaves, the exit is awaited first.

use async_with::scoped;

use crate::managers::Connection;

#[scoped]
async fn run() -> std::io::Result<u32> {
    #[enter]
    let connection = Connection;
    let 1 = *connection else {
        return Ok(0);
    };
    Ok(1)
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await.unwrap(), 1);
}
