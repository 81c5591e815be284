//! A tuple pattern on a value that is none.

use async_with::async_with;
use managers::Connection;

async fn run() -> std::io::Result<()> {
    async_with!(Connection as (a, b) => { println!("{a} {b}"); })
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
