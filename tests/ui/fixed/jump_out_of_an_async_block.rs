//! An `async` block is a function of its own to `break`, `continue`, `return` and `?`, here as everywhere. Let it give a
//! value, and leave by that.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    loop {
        async_with!(Session => {
            let enough = async { true }.await;
            if enough {
                break;
            }
        });
    }
}

#[tokio::test]
async fn works() {
    run().await;
}
