//! `#[within]` on a closure.

use async_with::within;
use managers::Session;

fn run() {
    let _closure = #[within(Session as session)]
    async || session.len();
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
