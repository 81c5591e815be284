//! `defer` with a function that is not asynchronous.

use async_with::{async_with, defer};

async fn run() {
    async_with!(defer(|outcome| println!("{outcome}")) => {});
}

fn main() {}
