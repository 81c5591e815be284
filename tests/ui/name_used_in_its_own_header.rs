//! The name is used before it is there.

use async_with::async_with;
use managers::Session;

async fn run() {
    async_with!(make(session) as session => { println!("{session}"); });
}

fn make(_: &str) -> Session {
    Session
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
