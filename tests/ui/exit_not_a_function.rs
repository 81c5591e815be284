//! `exit` is a value.

use std::convert::Infallible;

use async_with::AsyncContextManager;

struct Oven;

impl AsyncContextManager for Oven {
    type Value = ();
    type Error = Infallible;

    const exit: u32 = 42;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn main() {}
