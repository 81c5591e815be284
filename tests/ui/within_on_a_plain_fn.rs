//! `#[within]` on a function that is not async.

use async_with::within;
use managers::Session;

#[within(Session as session)]
fn run() -> usize {
    session.len()
}

fn calls() -> usize {
    run()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
