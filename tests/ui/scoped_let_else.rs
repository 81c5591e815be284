//! `#[enter]` on a `let … else`.

use async_with::scoped;
use managers::Connection;

#[scoped]
async fn run() -> std::io::Result<u32> {
    #[enter]
    let 1 = Connection else {
        return Ok(0);
    };
    Ok(1)
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
