//! A swallowed failure, of a block that has no value for it.

use async_with::{AsyncContextManager, Outcome, Suppress, scoped};
use managers::Session;

struct Lenient;

impl AsyncContextManager for Lenient {
    type Value = ();
    type Error = std::convert::Infallible;

    async fn enter(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Suppress for Lenient {
    fn suppress(&mut self, _value: &mut (), _outcome: Outcome) -> bool {
        true
    }
}

#[scoped]
async fn run() -> Result<u32, std::num::ParseIntError> {
    let number = {
        #[enter]
        let _ = Lenient;
        "one".parse::<u32>()?
    };
    #[enter]
    let session = Session;
    Ok(number + u32::try_from(session.len()).unwrap())
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
