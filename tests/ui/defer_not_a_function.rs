//! An exit that is no function, in a block.

use async_with::{async_with, defer};
use managers::Session;

async fn run() {
    async_with!(defer(std::future::ready(())) as _exit, Session as session => println!("{session}"));
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
