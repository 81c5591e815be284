//! On a `const fn`.

use async_with::within;
use managers::Session;

#[within(Session as session)]
const fn run() -> usize {
    session.len()
}

const LENGTH: usize = run();

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
