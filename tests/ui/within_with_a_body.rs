//! A body in `#[within]`, as in the macro.

use async_with::within;
use managers::Session;

#[within(Session as session => { session.len() })]
async fn run() -> usize {
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
