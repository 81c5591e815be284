//! `#[enter]` on a context manager that can fail, in a function without a `Result`.

use async_with::scoped;
use managers::Connection;

#[scoped]
async fn run() -> u32 {
    #[enter]
    let connection = Connection;
    *connection
}

#[scoped]
async fn in_a_block() {
    for _ in 0..2 {
        #[enter]
        let connection = Connection;
        *connection += 1;
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
