//! Something after the body.

use async_with::async_with;
use managers::Session;

async fn run() {
    async_with!(Session as session => { println!("{session}"); } else { println!("never"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
