//! A function that does not take the outcome.

use async_with::{async_with, defer};

async fn run() {
    async_with!(defer(|| async {}) => {});
}

fn main() {}
