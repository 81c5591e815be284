//! What is no asynchronous manager.

use async_with::within;
use managers::Indent;

#[within(5 as number)]
async fn neither() {}

#[within(Indent as indent)]
async fn synchronous() -> String {
    indent.clone()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
