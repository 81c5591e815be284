//! `.into_async()` on a manager that is asynchronous already.

use async_with::{ContextManagerExt, async_with};
use managers::Session;

async fn run() {
    async_with!(Session.into_async() as session => println!("{session}"));
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
