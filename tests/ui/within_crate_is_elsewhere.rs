//! The path of the crate leads nowhere.

use async_with::within;
use managers::Session;

#[within(crate = crate::facade, Session as session)]
async fn run() -> usize {
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
