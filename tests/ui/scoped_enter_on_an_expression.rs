//! `#[enter]` on something that is not a `let`.

use async_with::scoped;
use managers::Session;

#[scoped]
async fn run() -> usize {
    #[enter]
    Session;
    let session = String::new();
    #[enter]
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
