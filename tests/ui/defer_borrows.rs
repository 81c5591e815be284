//! A function that borrows from where it is made.

use async_with::{async_with, defer};

async fn run() {
    let log = vec![1];
    async_with!(defer(|_outcome| async { println!("{log:?}") }) => {});
}

fn main() {}
