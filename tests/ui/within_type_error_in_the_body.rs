//! The body has another type than the function.

use async_with::within;
use managers::{Connection, Session};

#[within(Session as session)]
async fn text() -> usize {
    "text"
}

#[within(Connection as connection)]
async fn no_tail() -> std::io::Result<u32> {
    println!("{connection}");
}

#[within(Connection as connection)]
async fn not_wrapped() -> std::io::Result<u32> {
    *connection
}

#[within(Session)]
async fn returned() -> Option<u32> {
    return 1;
}

#[within(Session)]
async fn question_mark() -> u32 {
    "1".parse()?
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
