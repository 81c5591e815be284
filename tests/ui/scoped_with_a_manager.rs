//! A context manager in the attribute.

use async_with::scoped;
use managers::Session;

#[scoped(Session)]
async fn run() -> usize {
    #[enter]
    let session = Session;
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
