//! The pattern has to fit the value, which is lent as `&mut`. `Connection` lends one number. A tuple of managers is a
//! manager that lends a tuple.

use async_with::async_with;

use crate::managers::Connection;

async fn run() -> std::io::Result<()> {
    async_with!((Connection, Connection) as (a, b) => { println!("{a} {b}"); })
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
