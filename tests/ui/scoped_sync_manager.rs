//! What is entered is a synchronous context manager.

use async_with::scoped;
use managers::Indent;

#[scoped]
async fn run() -> usize {
    for _ in 0..2 {
        #[enter]
        let indent = Indent;
        indent.push(' ');
    }
    0
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
