//! Several statements without braces.

use async_with::async_with;
use managers::Session;

async fn run() {
    async_with!(Session as session => println!("{session}"); println!("again"));
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
