//! A borrow of the value that is kept in an outer variable.

use async_with::async_with;
use managers::Session;

async fn run() {
    let mut names: Vec<&str> = Vec::new();
    async_with!(Session as session => {
        names.push(session);
    });
    println!("{names:?}");
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
