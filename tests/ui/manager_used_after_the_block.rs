//! A manager that is entered twice.

use async_with::async_with;
use managers::Session;

async fn run() {
    let manager = Session;
    async_with!(manager as session => { println!("{session}"); });
    async_with!(manager as session => { println!("{session}"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
