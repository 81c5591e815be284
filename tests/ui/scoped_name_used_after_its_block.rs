//! The name of an `#[enter] let`, used after its block.

use async_with::scoped;
use managers::Session;

#[scoped]
async fn run() -> usize {
    {
        #[enter]
        let session = Session;
        session.push('s');
    }
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
