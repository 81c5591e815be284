//! A name that is assigned without `mut`.

use async_with::async_with;
use managers::Session;

async fn run(other: &mut String) {
    async_with!(Session as session => {
        session = other;
        println!("{session}");
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
