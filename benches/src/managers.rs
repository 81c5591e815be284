//! The managers of all contenders: they do nothing, so that the block alone is measured.

use std::convert::Infallible;
use std::hint::black_box;

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome};

use crate::expert::{self, Ended};

/// What every block acquires.
#[must_use]
pub fn acquire() -> u64 {
    black_box(1)
}

/// And releases.
pub fn release(value: u64) {
    black_box(value);
}

/// May borrow: it is abandoned when its block is cut.
#[derive(Default)]
pub struct Local;

impl LocalAsyncContextManager for Local {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        Ok(acquire())
    }

    async fn exit(self, value: u64, outcome: Outcome) -> Result<(), Infallible> {
        black_box(outcome);
        release(value);
        Ok(())
    }

    fn abandon(self, value: u64) {
        release(value);
    }
}

/// Is exited also when its block is cut.
#[derive(Default)]
pub struct Guaranteed;

impl AsyncContextManager for Guaranteed {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        Ok(acquire())
    }

    async fn exit(self, value: u64, outcome: Outcome) -> Result<(), Infallible> {
        black_box(outcome);
        release(value);
        Ok(())
    }
}

/// One of the two, for cases that are written once for both.
pub trait Manager: LocalAsyncContextManager<Value = u64, Error = Infallible> + Default {
    /// Whether a block that is cut leaves an exit behind.
    const DETACHES: bool;

    /// A block as the expert writes it.
    fn by_hand<T: Ended>(
        body: impl AsyncFnOnce(&mut u64) -> T,
    ) -> impl Future<Output = Result<T, Infallible>>;
}

impl Manager for Local {
    const DETACHES: bool = false;

    fn by_hand<T: Ended>(
        body: impl AsyncFnOnce(&mut u64) -> T,
    ) -> impl Future<Output = Result<T, Infallible>> {
        expert::local(Self, body)
    }
}

impl Manager for Guaranteed {
    const DETACHES: bool = true;

    fn by_hand<T: Ended>(
        body: impl AsyncFnOnce(&mut u64) -> T,
    ) -> impl Future<Output = Result<T, Infallible>> {
        expert::guaranteed(Self, body)
    }
}
