//! A manager that is being typed: one error, at the dot; with a body, and before there is one.

use async_with::async_with;
use managers::Session;

async fn run(pool: &[Session]) {
    async_with!(pool. as session => { println!("{session}"); });
    async_with!(pool.);
    async_with!(Session as session, session. as length => { println!("{session} {length}"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
