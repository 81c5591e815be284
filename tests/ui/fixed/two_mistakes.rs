//! Each mistake is reported at its own token, so that one round is enough. After `as` comes a name, and before a name `as`.

use async_with::async_with;

use crate::managers::{Connection, Session};

async fn run() -> std::io::Result<()> {
    async_with!(Session as session, Connection as connection => {
        println!("{session} {connection}");
    })
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
