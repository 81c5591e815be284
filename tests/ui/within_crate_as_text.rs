//! The path of the crate as a text.

use async_with::within;
use managers::Session;

#[within(crate = "async_with", Session as session)]
async fn text() -> usize {
    session.len()
}

#[within(crate, Session as session)]
async fn no_path() -> usize {
    session.len()
}

#[within(crate = , Session as session)]
async fn empty_path() -> usize {
    session.len()
}

#[within(Session as session, crate = async_with)]
async fn at_the_end() -> usize {
    session.len()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
