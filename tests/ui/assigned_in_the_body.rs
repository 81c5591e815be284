//! A variable that is first assigned in the body.

use async_with::async_with;
use managers::Session;

async fn run() {
    let length;
    async_with!(Session as session => { length = session.len(); });
    println!("{length}");
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
