//! `#[enter]` in a function without `#[scoped]`, imported.

use async_with::enter;
use managers::Session;

async fn run() -> usize {
    #[enter]
    let session = Session;
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
