//! Nothing in the macro.

use async_with::async_with;

async fn run() {
    async_with!();
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
