//! A context manager that awaits in its enter and in its exit. In Python:
//!
//! ```python
//! class CustomContextManager:
//!     async def __aenter__(self):
//!         print('>entering the context manager')
//!         await asyncio.sleep(0.5)
//!     async def __aexit__(self, exc_type, exc, tb):
//!         print('>exiting the context manager')
//!         await asyncio.sleep(0.5)
//!
//! async def custom_coroutine():
//!     print('before the context manager')
//!     async with CustomContextManager() as manager:
//!         print('within the manager')
//!     print('after the context manager')
//!
//! asyncio.run(custom_coroutine())
//! ```

use std::convert::Infallible;
use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with};
use tokio::time::sleep;

struct CustomContextManager;

impl AsyncContextManager for CustomContextManager {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        println!(">entering the context manager");
        sleep(Duration::from_millis(500)).await;
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        println!(">exiting the context manager");
        sleep(Duration::from_millis(500)).await;
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
