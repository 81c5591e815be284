//! A later manager that can fail, on a function that returns nothing, in a generic method.

use async_with::within;
use managers::{Connection, Session};

struct Server<T>(T);

impl<T> Server<T> {
    #[within(Session as session, Connection)]
    async fn run(&self) {
        println!("{session}");
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
