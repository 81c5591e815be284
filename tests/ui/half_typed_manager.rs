//! A manager that is being typed: one error, at the dot; with a body, and before there is one.

use std::io;

use async_with::async_with;
use managers::Connection;

async fn run(pool: &[Connection]) -> io::Result<()> {
    async_with!(pool. as connection => { println!("{connection}"); })?;
    async_with!(Connection as connection, connection. as length => { println!("{connection} {length}"); })?;
    async_with!(pool.);
    Ok(())
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
