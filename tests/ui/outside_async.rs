//! `async_with!` in a function that is not async.

use async_with::async_with;
use managers::Session;

fn run() {
    async_with!(Session as session => {
        println!("{session}");
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
