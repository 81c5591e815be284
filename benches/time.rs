//! What a block costs, beside the bare sequence written by hand.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome, async_with};

fn main() {
    divan::main();
}

/// Does nothing, and is local.
struct Local;

impl LocalAsyncContextManager for Local {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        Ok(black_box(1))
    }

    async fn exit(self, value: u64, _outcome: Outcome) -> Result<(), Infallible> {
        black_box(value);
        Ok(())
    }
}

/// Does nothing, with the guarantee of a detached exit.
struct Guaranteed;

impl AsyncContextManager for Guaranteed {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        Ok(black_box(1))
    }

    async fn exit(self, value: u64, _outcome: Outcome) -> Result<(), Infallible> {
        black_box(value);
        Ok(())
    }
}

/// Runs a future that never waits.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing in here waits"),
    }
}

#[divan::bench]
fn bare() -> u64 {
    now(async {
        let mut manager = Local;
        let Ok(mut value) = manager.enter().await;
        value += 1;
        let result = value;
        let Ok(()) = manager.exit(value, Outcome::Completed).await;
        result
    })
}

#[divan::bench]
fn local() -> u64 {
    now(async {
        async_with!(Local as value => {
            *value += 1;
            *value
        })
    })
}

#[divan::bench]
fn guaranteed() -> u64 {
    now(async {
        async_with!(Guaranteed as value => {
            *value += 1;
            *value
        })
    })
}

#[divan::bench]
fn guaranteed_three_items() -> u64 {
    now(async { async_with!(Guaranteed as a, Guaranteed as b, Guaranteed as c => { *a + *b + *c }) })
}
