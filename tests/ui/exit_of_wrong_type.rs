//! An `exit` that says, as in Python, whether to swallow the error.

use async_with::{AsyncContextManager, Outcome};

struct Swallowing;

impl AsyncContextManager for Swallowing {
    type Value = ();
    type Error = std::io::Error;

    async fn enter(&mut self) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> bool {
        true
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
