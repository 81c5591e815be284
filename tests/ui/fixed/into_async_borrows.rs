//! `.into_async()` gives all guarantees, so the manager has to be `Send + 'static`. One that borrows is made asynchronous
//! with `.into_async_local()`, whose exit does not run on without the future.

use std::convert::Infallible;

use async_with::{ContextManager, ContextManagerExt, Outcome, async_with};

async fn run() {
    let stack = std::sync::Mutex::new(Vec::new());
    async_with!(Push(&stack).into_async_local() => {});
}

#[tokio::test]
async fn works() {
    run().await;
}

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
