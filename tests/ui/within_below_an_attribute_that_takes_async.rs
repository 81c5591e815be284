//! `#[within]` below an attribute that has taken the `async` away.

use async_with::within;
use managers::Session;

#[tokio::main]
#[within(Session as session)]
async fn main() {
    tokio::task::yield_now().await;
    println!("{session}");
}

#[path = "../ui_support/mod.rs"]
mod managers;
