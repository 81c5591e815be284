//! A synchronous manager among asynchronous ones.

use async_with::async_with;
use managers::{Indent, Session};

async fn run() {
    async_with!(Session as session, Indent as indent => {
        println!("{indent}{session}");
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
