//! A name without a manager, after an item that has one.

use async_with::async_with;
use managers::Session;

async fn run() {
    async_with!(Session as session, as other => { println!("{session} {other}"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
