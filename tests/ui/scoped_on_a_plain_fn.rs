//! `#[scoped]` on a function that is not async.

use async_with::scoped;
use managers::Session;

#[scoped]
fn run() -> usize {
    #[enter]
    let session = Session;
    session.len()
}

fn calls() -> usize {
    run()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
