//! Thousands of parts.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use async_with::{Outcome, async_with, defer, from_fn, settle};

use crate::common::trace::{poll_once, yield_once};

/// Ten thousand parts that each suspend once, on a thread with a small stack: no recursion; and no more polls than there
/// are suspensions.
#[test]
fn are_entered_and_exited_one_after_the_other_in_linear_time() {
    const MANY: usize = 10_000;
    let run = || {
        let order = Arc::new(Mutex::new((0, Vec::with_capacity(MANY))));
        let managers: Vec<_> = (0..MANY)
            .map(|n| {
                let (entered, exited) = (Arc::clone(&order), Arc::clone(&order));
                from_fn(
                    move || async move {
                        yield_once().await;
                        assert_eq!(entered.lock().unwrap().0, n);
                        entered.lock().unwrap().0 += 1;
                        Ok::<_, Infallible>(n)
                    },
                    move |value, _outcome| async move {
                        yield_once().await;
                        exited.lock().unwrap().1.push(value);
                    },
                )
            })
            .collect();
        let mut block = Box::pin(async move { async_with!(managers => {}) });
        let polls = (1..3 * MANY).find(|_| poll_once(block.as_mut()).is_ready()).expect("it hangs");
        assert_eq!(polls, 2 * MANY + 1);
        assert_eq!(order.lock().unwrap().1, (0..MANY).rev().collect::<Vec<_>>());
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
}

#[tokio::test]
async fn are_exited_in_order_when_cut() {
    const MANY: usize = 10_000;
    let exited = Arc::new(Mutex::new(Vec::new()));
    let managers: Vec<_> = (0..MANY)
        .map(|n| {
            let exited = Arc::clone(&exited);
            defer(move |outcome| async move {
                yield_once().await;
                assert_eq!(outcome, Outcome::Cancelled);
                exited.lock().unwrap().push(n);
            })
        })
        .collect();
    let mut block = Box::pin(async move { async_with!(managers => std::future::pending::<()>().await) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    settle().await;
    assert_eq!(*exited.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
}
