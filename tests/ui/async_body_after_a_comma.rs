//! A body that begins with `async`, after a comma.

use async_with::{async_with, with};
use managers::{Indent, Session};

async fn synchronous() {
    with!(Indent as indent, async {
        println!("{indent}");
        tokio::task::yield_now().await;
    });
}

async fn asynchronous() {
    async_with!(Session as session, async move {
        println!("{session}");
        tokio::task::yield_now().await;
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
