//! The life of some scopes, and what each step of it takes.

use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use async_with::settle;
use tokio::task::yield_now;
use workloads::statistics::as_f64;

use crate::MEMORY;
use crate::layouts::{ABANDONED, Cut, ENTERED, EXITED, Layout, Live, RELEASED, STACK};

/// What one scope takes: bytes, and nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// On the heap when it is live, its future with it.
    pub bytes: f64,
    /// On the heap after it was cut, before its exit has run.
    pub detached: f64,
    /// On the stack while it is polled: of use where one is in the other.
    pub stack: f64,
    pub enter: f64,
    /// One more poll of a body that goes on waiting.
    pub hold: f64,
    pub exit: f64,
    /// Dropping the future.
    pub cut: f64,
    /// From there until all exits have ended.
    pub settled: f64,
}

/// The clock, which takes time itself.
pub struct Clock {
    takes: Duration,
}

impl Clock {
    pub fn new() -> Self {
        let mut all: Vec<_> = (0..10_001).map(|_| Instant::now().elapsed()).collect();
        all.sort_unstable();
        Self { takes: all[all.len() / 2] }
    }

    fn since(&self, start: Instant) -> Duration {
        start.elapsed().saturating_sub(self.takes)
    }
}

/// The sums over all repetitions.
#[derive(Default)]
struct Sums {
    scopes: usize,
    bytes: usize,
    detached: usize,
    stack: usize,
    enter: Duration,
    hold: Duration,
    exit: Duration,
    cut: Duration,
    settled: Duration,
}

/// Has scopes live and exit, and live and be cut, until there have been `at_least` of them.
pub async fn measure(layout: &Layout, number: usize, at_least: usize, clock: &Clock) -> Sample {
    let mut sums = Sums::default();
    while sums.scopes < at_least.max(1) {
        live_and_exit(layout, number, clock, &mut sums);
        live_and_be_cut(layout, number, clock, &mut sums).await;
    }
    let of_each = |sum: usize| as_f64(sum as u64) / as_f64(sums.scopes as u64);
    let each = |sum: Duration| sum.as_secs_f64() * 1e9 / as_f64(sums.scopes as u64);
    Sample {
        bytes: of_each(sums.bytes),
        detached: of_each(sums.detached),
        stack: of_each(sums.stack),
        enter: each(sums.enter),
        hold: each(sums.hold),
        exit: each(sums.exit),
        cut: each(sums.cut),
        settled: each(sums.settled),
    }
}

fn live_and_exit(layout: &Layout, number: usize, clock: &Clock, sums: &mut Sums) {
    let before = bytes_in_use();
    let (mut futures, scopes) = begin(layout, number);
    let list = futures.capacity() * size_of::<Live>();
    let start = Instant::now();
    let ended = poll_all(&mut futures);
    sums.enter += clock.since(start);
    assert_eq!((ended, ENTERED.load(Ordering::Relaxed)), (0, scopes), "{}", layout.name);
    sums.bytes += bytes_in_use() - before - list;
    let here = 0_u8;
    let top = std::ptr::from_ref(std::hint::black_box(&here)).addr();
    // A stack grows downwards wherever this runs.
    sums.stack += top.saturating_sub(STACK.load(Ordering::Relaxed));

    let start = Instant::now();
    let ended = poll_all(&mut futures);
    sums.hold += clock.since(start);
    assert_eq!(ended, 0);

    RELEASED.store(true, Ordering::Relaxed);
    let start = Instant::now();
    let ended = poll_all(&mut futures);
    sums.exit += clock.since(start);
    assert_eq!((ended, EXITED.load(Ordering::Relaxed)), (futures.len(), scopes), "{}", layout.name);
    sums.scopes += scopes;
}

async fn live_and_be_cut(layout: &Layout, number: usize, clock: &Clock, sums: &mut Sums) {
    let before = bytes_in_use();
    let (mut futures, scopes) = begin(layout, number);
    poll_all(&mut futures);
    let start = Instant::now();
    drop(futures);
    sums.cut += clock.since(start);
    sums.detached += bytes_in_use().saturating_sub(before);
    let expected = match layout.cut {
        Cut::Forgotten => (0, 0),
        Cut::Abandoned => (0, scopes),
        Cut::Detached => (scopes, 0),
    };
    if layout.cut == Cut::Detached {
        let start = Instant::now();
        settle().await;
        // Those that are written by hand settle by themselves.
        while EXITED.load(Ordering::Relaxed) < scopes {
            yield_now().await;
        }
        sums.settled += clock.since(start);
    }
    let ended = (EXITED.load(Ordering::Relaxed), ABANDONED.load(Ordering::Relaxed));
    assert_eq!(ended, expected, "exited and abandoned of {}", layout.name);
}

fn begin(layout: &Layout, number: usize) -> (Vec<Live>, usize) {
    RELEASED.store(false, Ordering::Relaxed);
    for count in [&ENTERED, &EXITED, &ABANDONED] {
        count.store(0, Ordering::Relaxed);
    }
    (layout.make)(number)
}

/// Polls each future once, and says how many have ended.
fn poll_all(futures: &mut [Live]) -> usize {
    let cx = &mut Context::from_waker(Waker::noop());
    futures.iter_mut().map(|future| usize::from(future.as_mut().poll(cx) == Poll::Ready(()))).sum()
}

fn bytes_in_use() -> usize {
    let stats = MEMORY.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}
