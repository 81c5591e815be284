//! A name is there after the manager has been entered: in the items behind its own, and in the body.

use async_with::async_with;

use crate::managers::Session;

async fn run() {
    async_with!(Session as session, make(session) as other => { println!("{session} {other}"); });
}

fn make(_: &str) -> Session {
    Session
}

#[tokio::test]
async fn works() {
    run().await;
}
