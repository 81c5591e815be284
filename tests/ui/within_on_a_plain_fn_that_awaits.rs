//! On a function that awaits and is not async.

use async_with::within;
use managers::Session;

#[within(Session as session)]
fn run() -> usize {
    tokio::task::yield_now().await;
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
