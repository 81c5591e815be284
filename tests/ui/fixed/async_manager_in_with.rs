//! A manager that has to be awaited is entered with `async_with!`, in an async function.

use std::convert::Infallible;

use async_with::{AsyncContextManager, Outcome, async_with};

async fn custom_coroutine() {
    println!("before the context manager");
    async_with!(CustomContextManager as _manager => {
        println!("within the manager");
    });
    println!("after the context manager");
}

#[tokio::test]
async fn works() {
    custom_coroutine().await;
}

struct CustomContextManager;

impl AsyncContextManager for CustomContextManager {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        println!(">entering the context manager");
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        println!(">exiting the context manager");
        Ok(())
    }
}
