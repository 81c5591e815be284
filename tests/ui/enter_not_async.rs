//! An `enter` that is not async.

use async_with::{AsyncContextManager, Outcome};

struct Eager;

impl AsyncContextManager for Eager {
    type Value = ();
    type Error = std::io::Error;

    fn enter(&mut self) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), std::io::Error> {
        Ok(())
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
