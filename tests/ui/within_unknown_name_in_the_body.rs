//! A mistake in the body is shown there, and is the only one.

use async_with::within;
use managers::Session;

#[within(Session as session)]
async fn run() -> usize {
    session.lenght()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
