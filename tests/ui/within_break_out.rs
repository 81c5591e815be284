//! A `break` where there is no loop.

use async_with::within;
use managers::Session;

#[within(Session as session)]
async fn run() {
    if session.is_empty() {
        break;
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
