//! A `break` out of an `async` block.

use async_with::async_with;
use managers::Session;

async fn run() {
    loop {
        async_with!(Session => {
            async { break }.await;
        });
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
