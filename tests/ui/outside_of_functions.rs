//! `async_with!` outside of functions.

use async_with::async_with;

async_with!(managers::Session as session => {
    println!("{session}");
});

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
