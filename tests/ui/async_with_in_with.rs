//! An `async_with!` in the body of a `with!`.

use async_with::{async_with, with};
use managers::{Indent, Session};

async fn run() {
    with!(Indent => {
        async_with!(Session as session => { println!("{session}"); });
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
