//! The value is handed to `exit` by value, so nothing may still borrow from it then. Take out of the block what is your own:
//! a clone, a number, a row.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    let own: String = async_with!(Session as session => { session.clone() });
    println!("{own}");
}

#[tokio::test]
async fn works() {
    run().await;
}
