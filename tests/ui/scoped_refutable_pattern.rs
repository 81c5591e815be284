//! A pattern that does not always match.

use async_with::scoped;
use managers::Connection;

#[scoped]
async fn run() -> std::io::Result<u32> {
    #[enter]
    let 1 = Connection;
    Ok(1)
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
