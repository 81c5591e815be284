//! A manager without `enter`.

use async_with::{AsyncContextManager, Outcome};

struct HalfManager;

impl AsyncContextManager for HalfManager {
    type Value = ();
    type Error = std::io::Error;

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), std::io::Error> {
        Ok(())
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
