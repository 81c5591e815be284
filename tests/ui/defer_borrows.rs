//! `defer` with a function that borrows.

use async_with::{async_with, defer};

async fn run() {
    let log = vec![1];
    async_with!(defer(|_outcome| async { println!("{log:?}") }) => {});
}

fn main() {}
