//! What is entered is no context manager.

use async_with::scoped;

#[scoped]
async fn run() -> usize {
    #[enter]
    let session = String::from("session");
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
