//! `#[within]` on a method of a trait that has no body.

use async_with::within;
use managers::Session;

trait Service {
    #[within(Session as session)]
    async fn run(&self) -> u32;
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
