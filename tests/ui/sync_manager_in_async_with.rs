//! A synchronous manager in `async_with!`. In Python this prints the first line, then fails:
//!
//! ```python
//! class CustomContextManager:
//!     def __enter__(self):
//!         print('>entering the context manager')
//!     def __exit__(self, exc_type, exc, tb):
//!         print('>exiting the context manager')
//!
//! async def custom_coroutine():
//!     print('before the context manager')
//!     async with CustomContextManager() as manager:   # AttributeError: __aenter__
//!         print('within the manager')
//!     print('after the context manager')
//! ```

use std::convert::Infallible;
use std::thread::sleep;
use std::time::Duration;

use async_with::{ContextManager, Outcome, async_with};

struct CustomContextManager;

impl ContextManager for CustomContextManager {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        println!(">entering the context manager");
        sleep(Duration::from_millis(500));
        Ok(())
    }

    fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        println!(">exiting the context manager");
        sleep(Duration::from_millis(500));
        Ok(())
    }
}

async fn custom_coroutine() {
    println!("before the context manager");
    async_with!(CustomContextManager as _manager => {
        println!("within the manager");
    });
    println!("after the context manager");
}

#[tokio::main]
async fn main() {
    custom_coroutine().await;
}
