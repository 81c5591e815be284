//! A synchronous manager that is confined to its thread.

use std::convert::Infallible;
use std::rc::Rc;

use async_with::{ContextManager, ContextManagerExt, Outcome, async_with};

struct Confined(Rc<()>);

impl ContextManager for Confined {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

async fn run() {
    async_with!(Confined(Rc::new(())).into_async() => {});
}

fn main() {}
