//! A borrow of the value leaves the function.

use async_with::within;
use managers::Session;

#[within(Session as session)]
async fn run() -> &'static str {
    &session[..]
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
