//! The body runs whatever the value is, so the pattern has to match each value, as in a `let`. Look at the value in the
//! body. (The `if` that rustc proposes is for a `let`.)

use async_with::async_with;

use crate::managers::Connection;

async fn run() -> std::io::Result<()> {
    async_with!(Connection as connection => {
        if *connection == 1 {
            println!("one");
        }
    })
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
