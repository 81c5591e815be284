//! A manager that may swallow the failure, on a function that then has nothing to return.

use async_with::within;
use managers::Session;

struct Quiet;

impl async_with::AsyncContextManager for Quiet {
    type Value = ();
    type Error = std::io::Error;

    async fn enter(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: async_with::Outcome) -> std::io::Result<()> {
        Ok(())
    }
}

impl async_with::Suppress for Quiet {
    fn suppress(&mut self, _value: &mut (), _outcome: async_with::Outcome) -> bool {
        true
    }
}

#[within(Session as session, Quiet)]
async fn run() -> std::io::Result<usize> {
    Ok(session.len())
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
