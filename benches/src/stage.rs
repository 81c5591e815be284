//! Where blocks run, so that nothing but blocks is measured: inside a runtime, which detached exits need, but polled by hand.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime without drivers"));

/// Has all that follows on this thread run inside the runtime, and panics not be announced.
pub fn set() {
    std::panic::set_hook(Box::new(|_| {}));
    // For good.
    std::mem::forget(RUNTIME.enter());
}

/// Runs a block to its end, many times.
#[inline(never)]
pub fn repeat<F: Future<Output = u64>>(times: u32, block: impl Fn() -> F) {
    for _ in 0..times {
        black_box(finish(block()));
    }
}

/// Runs a block that panics.
#[inline(never)]
pub fn repeat_panicking<F: Future<Output = u64>>(times: u32, block: impl Fn() -> F) {
    for _ in 0..times {
        let panic = catch_unwind(AssertUnwindSafe(|| finish(block())));
        black_box(panic.expect_err("the body panics"));
    }
}

/// Runs a block until its body waits, and drops it there.
#[inline(never)]
pub fn repeat_cut<F: Future<Output = u64>>(times: u32, block: impl Fn() -> F) {
    for _ in 0..times {
        cut(block());
    }
}

/// As [`repeat_cut`], and waits for the exit that is detached.
#[inline(never)]
pub fn repeat_cut_and_settle<F, S>(times: u32, block: impl Fn() -> F, settle: impl Fn() -> S)
where
    F: Future<Output = u64>,
    S: Future<Output = ()>,
{
    RUNTIME.block_on(async {
        for _ in 0..times {
            cut(block());
            settle().await;
        }
    });
}

fn cut(block: impl Future<Output = u64>) {
    let polled = pin!(block).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "the body waits");
}

fn finish<F: Future>(block: F) -> F::Output {
    let mut block = pin!(block);
    let cx = &mut Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = block.as_mut().poll(cx) {
            return output;
        }
    }
}

/// Waits once, and is woken.
pub async fn once() {
    let mut waited = false;
    poll_fn(|cx| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
