//! A type error in the body is shown at the user's token.

use async_with::async_with;
use managers::Session;

async fn run() {
    let length: usize = async_with!(Session as session => {
        println!("{}", session.len());
        session.as_str()
    });
    println!("{length}");
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
