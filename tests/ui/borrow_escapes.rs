//! A borrow of the value that leaves the block.

use async_with::async_with;
use managers::Session;

async fn run() {
    let escaped: &str = async_with!(Session as session => { session.as_str() });
    println!("{escaped}");
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
