//! An error that does not convert into that of the function.

use async_with::within;
use managers::{Connection, Lease};

#[within(Connection as connection, Lease as lease)]
async fn run() -> std::io::Result<u32> {
    Ok(*connection + *lease)
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
