//! A manager that awaits nothing is entered with `with!`, in an async function too. If its body awaits, write `=> async { …
//! }`. Among asynchronous managers, make it one with `.into_async()`, from `ContextManagerExt`.

use std::convert::Infallible;

use async_with::{ContextManager, Outcome, with};

async fn custom_coroutine() {
    println!("before the context manager");
    with!(CustomContextManager as _manager => async {
        println!("within the manager");
        tokio::task::yield_now().await;
    });
    println!("after the context manager");
}

#[tokio::test]
async fn works() {
    custom_coroutine().await;
}

struct CustomContextManager;

impl ContextManager for CustomContextManager {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        println!(">entering the context manager");
        Ok(())
    }

    fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        println!(">exiting the context manager");
        Ok(())
    }
}
