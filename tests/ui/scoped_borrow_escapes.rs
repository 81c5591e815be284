//! What the value lends, used after its block.

use async_with::scoped;
use managers::Session;

#[scoped]
async fn run() -> usize {
    let text = {
        #[enter]
        let session = Session;
        session.as_str()
    };
    text.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
