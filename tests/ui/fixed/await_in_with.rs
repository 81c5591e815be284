//! A `with!` is also for functions that are not async, so its body does not await, unless it says so with `async`.

use async_with::with;

use crate::managers::Indent;

async fn run() {
    with!(Indent as indent => async {
        tokio::task::yield_now().await;
        println!("{indent}");
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
