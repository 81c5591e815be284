//! `#[within]` with a manager that can fail, on a function that returns no `Result`.

use async_with::within;
use managers::Connection;

#[within(Connection as connection)]
async fn run() -> u32 {
    *connection
}

async fn calls() -> u32 {
    run().await
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
