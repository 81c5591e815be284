//! In async functions, with bodies that await and with blocks that do.

use std::future::pending;
use std::panic::AssertUnwindSafe;

use async_with::{Outcome, async_with, with};
use futures::FutureExt;

use crate::common::log::{Failure, Log, LostErrors};

// test262: await-using/initializer-Symbol.dispose-called-at-end-of-block, mixed-call-dispose-methods.
#[tokio::test]
async fn synchronous_and_asynchronous_blocks_nest_either_way() {
    async fn run(log: &Log) -> Result<u8, Failure> {
        async_with!(log.sure("a") => {
            with!(log.sure("b") => {
                log.add("in b");
            });
            with!(log.sure("c") => async {
                async_with!(log.sure("d") => { return Ok(1); })
            })
        })
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Ok(1));
    log.expect(&[
        "enter a",
        "enter b",
        "in b",
        "exit b: completed",
        "enter c",
        "enter d",
        "exit d: returned",
        "exit c: returned",
        "exit a: returned",
    ]);
}

async fn leave(log: &Log, how: &str) -> Result<&'static str, Failure> {
    for _ in 0..1 {
        with!(log.sure("a") as a, log.unsure("b") => async {
            tokio::task::yield_now().await;
            *a += 1;
            match how {
                "return" => return Ok("returned"),
                "?" => Err(Failure("question mark"))?,
                "break" => break,
                "continue" => continue,
                _ => {}
            }
            tokio::task::yield_now().await;
        })?;
        log.add("after");
    }
    Ok("fell through")
}

#[tokio::test]
async fn a_body_that_awaits_leaves_in_each_way() {
    let log = Log::default();
    assert_eq!(leave(&log, "end").await, Ok("fell through"));
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed", "after"]);
    for (how, result, told) in [
        ("return", Ok("returned"), "returned"),
        ("?", Err(Failure("question mark")), "failed"),
        ("break", Ok("fell through"), "broke"),
        ("continue", Ok("fell through"), "continued"),
    ] {
        assert_eq!(leave(&log, how).await, result);
        log.expect(&["enter a", "enter b", &format!("exit b: {told}"), &format!("exit a: {told}")]);
    }
}

#[tokio::test]
async fn the_body_that_awaits_gives_a_value() {
    let log = Log::default();
    let value = with!(log.sure("a").value(1) as a => async {
        tokio::task::yield_now().await;
        *a + 1
    });
    assert_eq!(value, 2);
}

#[tokio::test]
async fn dropped_while_awaiting_the_exits_run_in_the_drop() {
    let log = Log::default();
    let mut block = Box::pin(async {
        with!(log.sure("a"), log.sure("b") => async {
            let _local = log.on_drop("drop local");
            with!(log.sure("c") => async { pending::<()>().await });
        });
    });
    assert!(block.as_mut().now_or_never().is_none());
    log.expect(&["enter a", "enter b", "enter c"]);
    drop(block);
    let (a, b, c) = ("exit a: cancelled", "exit b: cancelled", "exit c: cancelled");
    log.expect(&[c, "drop local", b, a]);
}

#[tokio::test]
async fn the_error_of_an_exit_in_a_drop_goes_to_the_hook() {
    let lost = LostErrors::with("exit in a drop");
    let manager = Log::default().unsure("a").exit_fails(Failure("exit in a drop"));
    let block = async { with!(manager => async { pending::<()>().await }) };
    assert!(block.now_or_never().is_none());
    let all = lost.all();
    assert_eq!((all.len(), all[0].outcome), (1, Outcome::Cancelled));
}

#[tokio::test]
async fn never_polled_nothing_happens() {
    let log = Log::default();
    drop(async { with!(log.sure("a") => async { pending::<()>().await }) });
    log.expect(&[]);
}

#[tokio::test]
async fn a_panic_of_a_body_that_awaits_goes_on_after_the_exit() {
    let log = Log::default();
    let block = AssertUnwindSafe(async {
        with!(log.sure("a") => async {
            tokio::task::yield_now().await;
            panic!("body");
        });
    });
    let payload = block.catch_unwind().await.unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"body"));
    log.expect(&["enter a", "exit a: panicked"]);
}

#[tokio::test]
async fn the_exit_waits_for_a_detached_exit_of_a_block_in_the_body() {
    let log = Log::default();
    with!(log.sure("outer") => async {
        // Its exit is handed to this test's own runtime, which has no turn before something is awaited.
        let mut inner = Box::pin(async { async_with!(log.sure("inner") => { pending::<()>().await }) });
        assert!(futures::poll!(&mut inner).is_pending());
        drop(inner);
        log.add("body");
    });
    log.expect(&["enter outer", "enter inner", "body", "exit inner: cancelled", "exit outer: completed"]);
}

#[tokio::test]
async fn an_asynchronous_block_exits_before_the_synchronous_one_around_it() {
    let log = Log::default();
    let value = with!(log.sure("sync") => async {
        async_with!(log.sure("async").waits(1) => { 1 })
    });
    assert_eq!(value, 1);
    log.expect(&[
        "enter sync",
        "enter async",
        "async waited 1",
        "exit async: completed",
        "async waited 1",
        "exit sync: completed",
    ]);
}
