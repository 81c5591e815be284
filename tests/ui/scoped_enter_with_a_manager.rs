//! A context manager in the `#[enter]`.

use async_with::scoped;
use managers::Session;

#[scoped]
async fn run() -> usize {
    #[enter(Session)]
    let session = Session;
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
