//! A pattern that does not always match.

use async_with::async_with;
use managers::Connection;

async fn run() -> std::io::Result<()> {
    async_with!(Connection as 1 => { println!("one"); })
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
