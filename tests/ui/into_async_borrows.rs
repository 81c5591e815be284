//! `.into_async()` on a manager that borrows.

use std::convert::Infallible;

use async_with::{ContextManager, ContextManagerExt, Outcome, async_with};

struct Push<'a>(&'a std::sync::Mutex<Vec<u32>>);

impl ContextManager for Push<'_> {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        self.0.lock().unwrap().push(1);
        Ok(())
    }

    fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        self.0.lock().unwrap().pop();
        Ok(())
    }
}

async fn run() {
    let stack = std::sync::Mutex::new(Vec::new());
    async_with!(Push(&stack).into_async() => {});
}

fn main() {}
