//! Two mistakes at once.

use async_with::async_with;
use managers::{Connection, Session};

async fn run() {
    async_with!(Session as, Connection connection => { println!("{connection}"); });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
