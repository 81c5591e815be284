//! Managers whose errors differ.

use async_with::async_with;
use managers::{Connection, Lease};

async fn run() -> std::io::Result<u32> {
    async_with!(Connection as connection, Lease as lease => {
        *connection + *lease
    })
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
