//! A manager without `exit`.

use async_with::AsyncContextManager;

struct HalfManager;

impl AsyncContextManager for HalfManager {
    type Value = ();
    type Error = std::io::Error;

    async fn enter(&mut self) -> Result<(), std::io::Error> {
        Ok(())
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
