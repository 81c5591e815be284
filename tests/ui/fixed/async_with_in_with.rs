//! An `async_with!` awaits, and so does what is around it.

use async_with::{async_with, with};

use crate::managers::{Indent, Session};

async fn run() {
    with!(Indent => async {
        async_with!(Session as session => { println!("{session}"); });
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
