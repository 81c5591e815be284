//! After `as` comes a new name, or a pattern that takes the value apart. Fields and methods of the value are for the body.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session => { println!("{}", session.len()); });
}

#[tokio::test]
async fn works() {
    run().await;
}
