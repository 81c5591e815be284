//! `defer` with a function that gives a value.

use async_with::{async_with, defer};

async fn run() {
    async_with!(defer(|_outcome| async { 1 }) => {});
}

fn main() {}
