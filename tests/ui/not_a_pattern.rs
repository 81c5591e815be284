//! Something other than a pattern after `as`.

use async_with::async_with;
use managers::Session;

async fn run() {
    async_with!(Session as session.name => { println!("within"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
