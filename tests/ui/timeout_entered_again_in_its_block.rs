//! A timeout is entered again in its own block.

use std::time::Duration;

use async_with::async_with;
use async_with::managers::{Elapsed, timeout};

async fn run() -> Result<(), Elapsed> {
    let limit = timeout(Duration::from_secs(1));
    async_with!(limit => {
        async_with!(limit => {})?;
    })
}

fn main() {}
