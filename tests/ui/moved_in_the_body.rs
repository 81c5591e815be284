//! A variable that is moved in one branch of the body.

use async_with::async_with;
use managers::Session;

async fn run(name: String) {
    async_with!(Session as session => {
        if session.is_empty() {
            drop(name);
            return;
        }
    });
    println!("{name}");
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
