//! A method that the value does not have.

use async_with::async_with;
use managers::Session;

async fn run() {
    async_with!(Session as session => { session.greet(); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
