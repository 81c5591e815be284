//! What the programs share: a manager that says how it is left, and the least of an executor.

use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_with::{AsyncContextManager, Outcome};

pub struct Told;

impl AsyncContextManager for Told {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        println!("told {outcome}");
        Ok(())
    }
}

/// Polls once.
pub fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls until it is ready.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return value;
        }
        std::thread::yield_now();
    }
}
