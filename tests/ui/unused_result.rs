//! The result of a block that is not used.

#![deny(unused_must_use)]

use async_with::async_with;
use managers::Connection;

async fn run() {
    async_with!(Connection as connection => { println!("{connection}"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
