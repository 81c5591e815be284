//! No context manager.

use async_with::async_with;

async fn run() {
    async_with!({ println!("within"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
