//! `#[enter]` without a context manager.

use async_with::scoped;
use managers::Session;

#[scoped]
async fn run() -> usize {
    #[enter]
    let session;
    session.len()
}

#[scoped]
async fn typed() -> usize {
    #[enter]
    let session: Session;
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
