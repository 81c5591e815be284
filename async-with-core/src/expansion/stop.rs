//! How a body says why it stops.
//!
//! A body that completes or jumps says so and then never resolves, so that resolving is left to mean `return`.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::expansion::scope::Payload;

/// A way out of the block that the macro found in the body, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    Break(u32),
    Continue(u32),
}

thread_local! {
    /// Why the body that this thread is polling stops, if it does not resolve.
    static STOP: Cell<u32> = const { Cell::new(RUNNING) };
}

const RUNNING: u32 = 0;
const COMPLETED: u32 = 1;
const FIRST_JUMP: u32 = 2;

/// The end of a body that does not resolve. It is never ready; the driver, to which the poll returns, takes the reason.
///
/// The reason goes by way of the thread, so that the body's future need not hold a reference to where it is put.
struct Stopping(u32);

impl Future for Stopping {
    type Output = Infallible;

    #[inline]
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Infallible> {
        STOP.set(self.0);
        Poll::Pending
    }
}

/// The end of the body: its value has been stored.
#[inline]
pub fn complete() -> impl Future<Output = Infallible> {
    Stopping(COMPLETED)
}

/// A `break` or `continue` out of the block.
#[inline]
pub fn jump(jump: Jump) -> impl Future<Output = Infallible> {
    let code = match jump {
        Jump::Break(way) => 2 * way,
        Jump::Continue(way) => 2 * way + 1,
    };
    Stopping(FIRST_JUMP + code)
}

/// The reason for which the body stopped that was just polled.
#[inline]
pub(crate) fn stopped<R, E>() -> Option<Stop<R, E>> {
    match STOP.replace(RUNNING) {
        RUNNING => None,
        COMPLETED => Some(Stop::Completed),
        code => {
            let way = (code - FIRST_JUMP) / 2;
            let jump = if code % 2 == FIRST_JUMP % 2 { Jump::Break(way) } else { Jump::Continue(way) };
            Some(Stop::Jumped(jump))
        }
    }
}

/// Why a body is no longer running. `R` is what the enclosing function returns.
pub enum Stop<R, E> {
    Completed,
    Returned(R),
    Jumped(Jump),
    Interrupted(E),
    Panicked(Payload),
}

impl<R, E> Stop<R, E> {
    /// What stopped the body, after the manager has observed it; a panic while observing is one of the body.
    #[must_use]
    pub fn observed(self, observing: Result<(), Payload>) -> Self {
        observing.map_or_else(Stop::Panicked, |()| self)
    }
}
