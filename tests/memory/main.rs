//! How often a block asks the heap for memory: never over a local manager, once over a guaranteed one, whichever way it is
//! left.
//!
//! Not counted here is a block that is cut: what is detached is a task of a runtime. What one interrupt takes is counted as the
//! manager's, which makes the box. What a panic takes is that of the same panic without a block, caught and thrown on once.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod managers;
mod nesting;
mod ways;

use std::alloc::System;
use std::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use crate::managers::throw;

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often each future is run. The allocator counts for all threads, and the thread of the test harness works now and then,
/// which can only add: so the least counts. It also leaves out what is allocated once and kept.
const RUNS: usize = 10;

/// How often the heap is asked for memory while the future that `make` gives runs to its end, and is dropped.
fn allocations<F: Future>(make: impl Fn() -> F) -> usize {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let run = |_| {
        let before = MEMORY.stats();
        end(pin!(make()));
        let after = MEMORY.stats();
        let allocations = after.allocations - before.allocations;
        allocations + after.reallocations - before.reallocations
    };
    (0..RUNS).map(run).min().unwrap_or_default()
}

/// Polls the future until it has ended, or panicked.
fn end<F: Future>(mut future: Pin<&mut F>) {
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..100 {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        if !matches!(polled, Ok(Poll::Pending)) {
            return;
        }
    }
    panic!("the future does not end");
}

/// What a panic takes that is caught this many times, and thrown on: as each block does that runs an exit after it.
fn panic_thrown_on(times: usize) -> usize {
    allocations(|| async move {
        let mut thrown = catch_unwind(|| throw());
        for _ in 0..times {
            thrown = catch_unwind(AssertUnwindSafe(|| resume_unwind(thrown.unwrap_err())));
        }
    })
}

/// What differs from what was expected, all of it.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn check<T: PartialEq + Debug>(&mut self, what: impl Display, got: &T, expected: &T) {
        if got != expected {
            self.0.push(format!("{what}: {got:?} instead of {expected:?}"));
        }
    }
}

impl Drop for Differences {
    fn drop(&mut self) {
        assert!(self.0.is_empty() || std::thread::panicking(), "{:#?}", self.0);
    }
}

#[test]
fn what_is_allocated_is_counted() {
    let boxes = |number: usize| async move {
        for byte in 0..number {
            std::hint::black_box(Box::new(byte));
        }
    };
    assert_eq!([0, 1, 3].map(|number| allocations(|| boxes(number))), [0, 1, 3]);
    let grows = || async {
        let mut bytes = Vec::with_capacity(1);
        for byte in 0..9_u8 {
            bytes.push(std::hint::black_box(byte));
        }
    };
    // The vector once, and then each time that it grows.
    assert!(allocations(grows) > 1);
}
