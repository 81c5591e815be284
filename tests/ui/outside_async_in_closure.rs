//! `async_with!` in a plain closure of an async function.

use async_with::async_with;
use managers::Session;

async fn run() {
    let closure = || {
        async_with!(Session as session => {
            println!("{session}");
        });
    };
    closure();
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
