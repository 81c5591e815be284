//! `.map_err(…)` with a function of another error.

use async_with::{AsyncContextManagerExt, async_with};
use managers::Connection;

async fn run() -> Result<(), String> {
    async_with!(Connection.map_err(|error: std::fmt::Error| error.to_string()) as connection => println!("{connection}"))
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
