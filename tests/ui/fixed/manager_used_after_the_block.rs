//! A manager is good for one block, which takes it: `exit` gets it by value, so nobody can exit twice. Make a new one for
//! each block, in a function if there is more to it.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    let manager = || Session;
    async_with!(manager() as session => { println!("{session}"); });
    async_with!(manager() as session => { println!("{session}"); });
}

#[tokio::test]
async fn works() {
    run().await;
}
