//! A type that is no manager.

use async_with::async_with;

struct Plain;

async fn run() {
    async_with!(Plain as plain => {
        plain.greet();
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
