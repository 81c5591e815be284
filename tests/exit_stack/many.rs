//! Ten thousand exits.

// CPython: test_excessive_nesting, on a thread with a small stack, with exits that suspend and exits that do not.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use async_with::{AsyncExitStack, async_with, settle};

use crate::Stack;
use crate::common::part::{End, Plan, Run, Step};
use crate::common::trace::yield_once;

const MANY: usize = 10_000;

fn filled(
    order: &Arc<Mutex<Vec<usize>>>,
    pends: bool,
    work: &Arc<AtomicUsize>,
) -> AsyncExitStack<Infallible> {
    let stack = AsyncExitStack::new();
    fill(&stack, order, pends, work);
    stack
}

fn fill(
    stack: &AsyncExitStack<Infallible>,
    order: &Arc<Mutex<Vec<usize>>>,
    pends: bool,
    work: &Arc<AtomicUsize>,
) {
    for n in 0..MANY {
        let (order, work) = (Arc::clone(order), Arc::clone(work));
        stack.defer(move |_outcome| async move {
            if pends {
                yield_once().await;
            }
            work.fetch_add(1, Ordering::Relaxed);
            order.lock().unwrap().push(n);
        });
    }
}

fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
}

fn polls(future: impl Future<Output = Result<(), Infallible>>) -> usize {
    let mut future = Box::pin(future);
    let cx = &mut Context::from_waker(Waker::noop());
    (1..=3 * MANY).find(|_| future.as_mut().poll(cx).is_ready()).expect("it hangs")
}

#[test]
fn are_closed_without_recursion_in_one_poll_for_each_suspension() {
    for pends in [false, true] {
        on_a_small_stack(move || {
            let (order, work) = <(Arc<Mutex<Vec<usize>>>, Arc<AtomicUsize>)>::default();
            let taken = polls(filled(&order, pends, &work).close());
            assert_eq!(taken, 1 + if pends { MANY } else { 0 });
            assert_eq!(work.load(Ordering::Relaxed), MANY);
            assert_eq!(*order.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
        });
    }
}

#[test]
fn are_exited_with_a_block_without_recursion() {
    for pends in [false, true] {
        on_a_small_stack(move || {
            let (order, work) = <(Arc<Mutex<Vec<usize>>>, Arc<AtomicUsize>)>::default();
            let taken = polls(async {
                async_with!(AsyncExitStack::new() as stack => fill(stack, &order, pends, &work));
                Ok(())
            });
            assert_eq!(taken, 1 + if pends { MANY } else { 0 });
            assert_eq!(*order.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
        });
    }
}

#[test]
fn are_handed_over_without_recursion() {
    on_a_small_stack(|| {
        let (order, work) = <(Arc<Mutex<Vec<usize>>>, Arc<AtomicUsize>)>::default();
        drop(filled(&order, true, &work));
        smol::block_on(settle());
        assert_eq!(*order.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
    });
}

/// Entered, not deferred, and all failing: each error but the first is reported.
#[test]
fn that_all_fail_are_all_exited() {
    on_a_small_stack(|| {
        let run = Run::new();
        let plan =
            Plan { enter: Step::new(0, End::Succeeds), exit: Step::new(0, End::Fails), interrupts: None };
        let result = smol::block_on(async {
            let stack = Stack::new();
            for n in 0..MANY {
                drop(stack.enter(run.part(n.to_string(), plan)).await?);
            }
            stack.close().await
        });
        assert_eq!(result, Err(run.fault(&format!("{} exit", MANY - 1))));
        assert_eq!(run.lost().len(), MANY - 1);
    });
}
