//! A deferred function that can fail, and a block whose value is thrown away.
#![deny(unused_must_use)]

use async_with::{async_with, defer};

async fn run() {
    async_with!(defer(|_outcome| async { Err::<(), _>(std::fmt::Error) }) => {});
}

fn main() {}
