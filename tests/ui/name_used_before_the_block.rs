//! A function made before the block uses the name.

use async_with::async_with;
use managers::Session;

async fn run() {
    let length = || session.len();
    async_with!(Session as session => { println!("{session}: {}", length()); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
