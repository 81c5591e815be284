//! An error that does not convert into that of the function.

use async_with::scoped;
use managers::{Connection, Lease};

#[scoped]
async fn run() -> std::io::Result<u32> {
    #[enter]
    let connection = Connection;
    for _ in 0..2 {
        #[enter]
        let lease = Lease;
        *connection += *lease;
    }
    Ok(*connection)
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
