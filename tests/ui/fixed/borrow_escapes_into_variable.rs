//! As above: keep a value of your own, not a borrow.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    let mut names: Vec<String> = Vec::new();
    async_with!(Session as session => {
        names.push(session.clone());
    });
    println!("{names:?}");
}

#[tokio::test]
async fn works() {
    run().await;
}
