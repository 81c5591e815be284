//! `#[enter]` in a closure, which cannot await.

use async_with::scoped;
use managers::Session;

#[scoped]
async fn run(numbers: &[usize]) -> usize {
    let lengths = numbers.iter().map(|number| {
        #[enter]
        let session = Session;
        session.len() + number
    });
    lengths.sum()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
