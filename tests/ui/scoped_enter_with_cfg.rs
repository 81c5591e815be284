//! `#[enter]` on a conditional `let`.

use async_with::scoped;
use managers::Session;

#[scoped]
async fn run() -> usize {
    #[cfg(unix)]
    #[enter]
    let session = Session;
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
