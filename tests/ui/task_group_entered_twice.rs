//! A task group is entered again after its block.

use async_with::async_with;
use async_with::managers::{ChildError, TaskGroup};

async fn run() -> Result<(), ChildError<std::io::Error>> {
    let group = TaskGroup::new();
    async_with!(group => {})?;
    async_with!(group => {})
}

fn main() {}
