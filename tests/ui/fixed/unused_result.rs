//! Entering or exiting a `Connection` can fail, so the block is a `Result`. Pass it on, as here or with `?`, or look at it.
//! Over managers that cannot fail it is no `Result`. (rustc only warns of this; the `deny` makes it an error.)

use async_with::async_with;

use crate::managers::Connection;

async fn run() -> std::io::Result<()> {
    async_with!(Connection as connection => { println!("{connection}"); })
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
