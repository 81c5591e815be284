//! What is entered and exited, and in which order.

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_with::{AsyncContextManager, ObserveError, Outcome, async_with, from_fn, with};
use futures::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::{Observer, Swallow, expect_lost};
use crate::common::log::{Failure, Log, LostErrors, Suppressor};
use crate::common::trace::yield_once;

// CPython: test_coroutines.test_with_1.
#[tokio::test]
async fn two_managers_that_suspend_go_step_by_step_and_the_inner_one_may_swallow() {
    async fn swallowed(log: &Log) -> Result<(), Failure> {
        async_with!(log.sure("A").waits(2), Suppressor(log.sure("B").waits(2), true) => {
            yield_once().await;
            log.add("managers A B");
            Err(Failure("division by zero"))?
        });
        log.add("after");
        Ok(())
    }

    async fn not_swallowed(log: &Log) -> Result<(), Failure> {
        async_with!(log.sure("A"), log.sure("C") => {
            yield_once().await;
            log.add("managers A C");
            Err(Failure("division by zero"))?
        });
        log.add("after");
        Ok(())
    }

    let log = Log::default();
    assert_eq!(swallowed(&log).await, Ok(()));
    log.expect(&[
        "enter A",
        "A waited 1",
        "A waited 2",
        "enter B",
        "B waited 1",
        "B waited 2",
        "managers A B",
        "ask B: failed",
        "exit B: failed",
        "B waited 1",
        "B waited 2",
        "exit A: completed",
        "A waited 1",
        "A waited 2",
        "after",
    ]);
    assert_eq!(not_swallowed(&log).await, Err(Failure("division by zero")));
    log.expect(&["enter A", "enter C", "managers A C", "exit C: failed", "exit A: failed"]);
}

// CPython: test_coroutines.test_with_5.
#[tokio::test]
async fn an_exit_that_returns_nothing_lets_the_error_out() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(log.unsure("a") => { Err(Failure("assertion"))? })?;
        log.add("after");
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("assertion")));
    log.expect(&["enter a", "exit a: failed"]);
}

// CPython: test_coroutines.test_with_9.
#[tokio::test]
async fn an_exit_that_fails_after_a_good_body_gives_its_error_and_the_body_ran_once() {
    let mut count = 0;
    let value = async_with!(Log::default().unsure("a").exit_fails(Failure("division by zero")) => {
        count += 1;
        "the value of the body"
    });
    assert_eq!(value, Err(Failure("division by zero")));
    assert_eq!(count, 1);
}

// CPython: test_coroutines.test_with_11.
#[tokio::test]
async fn an_enter_that_fails_is_the_only_error_though_the_exit_would_fail_too() {
    let (log, lost) = (Log::default(), LostErrors::with("not implemented, or worse"));
    let manager = log
        .unsure("a")
        .enter_fails(Failure("not implemented"))
        .exit_fails(Failure("not implemented, or worse"));
    let value: Result<Result<(), Failure>, Failure> = async_with!(manager => {
        log.add("body");
        Err(Failure("runtime error"))
    });
    assert_eq!(value, Err(Failure("not implemented")));
    log.expect(&["enter a"]);
    expect_lost(&lost, &[]);
}

// CPython: test_coroutines.test_with_12.
#[tokio::test]
async fn what_is_bound_is_what_enter_gave_and_the_exit_may_swallow() {
    async fn run(log: &Log) -> Result<&'static str, Failure> {
        let value: Option<()> = async_with!(Suppressor(log.sure("a").value(12), true) as value => {
            log.add(format!("bound {value}"));
            Err(Failure("runtime error"))?
        });
        assert_eq!(value, None);
        Ok("after")
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Ok("after"));
    log.expect(&["enter a", "bound 12", "ask a: failed", "exit a: failed"]);
}

// CPython: test_coroutines.test_with_13.
#[tokio::test]
async fn an_enter_that_fails_leaves_though_the_exit_would_swallow() {
    async fn run(log: &Log, count: &mut u32) -> Result<(), Failure> {
        *count += 1;
        let manager = Suppressor(log.unsure("a").enter_fails(Failure("division by zero")), true);
        async_with!(manager => { *count += 1000 })?;
        *count += 10_000;
        Ok(())
    }

    let (log, mut count) = (Log::default(), 0);
    assert_eq!(run(&log, &mut count).await, Err(Failure("division by zero")));
    assert_eq!(count, 1);
    log.expect(&["enter a"]);
}

// CPython: test_coroutines.test_for_6. Where it counts references, this counts who still has the counter.
#[tokio::test]
async fn blocks_around_asynchronous_loops_in_sequence_count_exactly() {
    fn manager(total: &Arc<AtomicU32>) -> impl AsyncContextManager<Value = (), Error = Infallible> + use<> {
        let (entering, exiting) = (Arc::clone(total), Arc::clone(total));
        from_fn(
            || async move {
                entering.fetch_add(10_000, Ordering::Relaxed);
                Ok(())
            },
            |(), _outcome| async move {
                exiting.fetch_add(100_000, Ordering::Relaxed);
            },
        )
    }

    fn numbers() -> impl Stream<Item = u32> {
        stream::iter(1..=11).then(|number| async move {
            yield_once().await;
            number
        })
    }

    async fn block(total: &Arc<AtomicU32>, in_body: u32, after_loop: u32) {
        let add = |number| total.fetch_add(number, Ordering::Relaxed);
        async_with!(manager(total) => {
            add(in_body);
            let mut numbers = pin!(numbers());
            while numbers.next().await.is_some() {
                add(1);
            }
            add(after_loop);
        });
        add(1000);
    }

    let total = Arc::new(AtomicU32::new(0));
    block(&total, 0, 0).await;
    assert_eq!(total.load(Ordering::Relaxed), 111_011);
    assert_eq!(Arc::strong_count(&total), 1, "the manager is gone");
    block(&total, 0, 0).await;
    block(&total, 0, 0).await;
    assert_eq!(total.load(Ordering::Relaxed), 333_033);
    block(&total, 100, 10_000_000).await;
    block(&total, 100, 10_000_000).await;
    assert_eq!(total.load(Ordering::Relaxed), 20_555_255);
    assert_eq!(Arc::strong_count(&total), 1, "the managers are gone");
}

/// Sleeps in enter and exit, and names the error at the end.
struct Sleeping(Log, Option<String>);

const TURN: Duration = Duration::from_millis(10);

impl AsyncContextManager for Sleeping {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        self.0.add("1");
        sleep(TURN).await;
        self.0.add("2");
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        sleep(TURN).await;
        self.0.add(self.1.unwrap_or_default());
        Ok(())
    }
}

impl ObserveError for Sleeping {
    fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
        self.1 = Some(error.to_string());
    }
}

// CPython: test_coroutines.CoroAsyncIOCompatTest.test_asyncio_1.
#[tokio::test(start_paused = true)]
async fn a_runtime_with_timers_waits_for_enter_body_and_exit() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Sleeping(log.clone(), None) => {
            sleep(TURN).await;
            Err(Failure("MyException"))?
        });
        log.add("unreachable");
        Ok(())
    }

    let (log, start) = (Log::default(), Instant::now());
    assert_eq!(run(&log).await, Err(Failure("MyException")));
    log.expect(&["1", "2", "MyException"]);
    assert_eq!(start.elapsed(), 3 * TURN);
}

// CPython: test_with.NestedWith.testNoExceptions.
#[tokio::test]
async fn two_managers_in_one_head_are_both_entered_and_both_exited() {
    let log = Log::default();
    async_with!(log.sure("a"), log.sure("b") => {
        assert!(log.has("enter a") && log.has("enter b"));
        log.add("body");
    });
    log.expect(&["enter a", "enter b", "body", "exit b: completed", "exit a: completed"]);
}

// CPython: test_with.NestedWith.testExceptionInExprList.
#[tokio::test]
async fn when_the_second_expression_fails_the_first_manager_is_exited() {
    async fn run(log: &Log, second: Result<&'static str, Failure>) -> Result<(), Failure> {
        async_with!(Observer::new(log, "a"), log.sure(second?) => { log.add("body") });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log, Err(Failure("init"))).await, Err(Failure("init")));
    log.expect(&["enter a", r#"a sees Failure("init")"#, "exit a: failed"]);
}

// CPython: test_with.NestedWith.testExceptionInEnter.
#[tokio::test]
async fn when_the_second_enter_fails_the_body_does_not_run_and_the_first_manager_is_exited() {
    let log = Log::default();
    let value = async_with!(log.unsure("a"), log.unsure("b").enter_fails(Failure("enter")) => {
        log.add("body");
    });
    assert_eq!(value, Err(Failure("enter")));
    log.expect(&["enter a", "enter b", "exit a: failed"]);
}

// CPython: test_with.NestedWith.testExceptionInExit. The outer one is shown the error itself where `?` takes it along; in one
// head it is told that the block in it failed.
#[tokio::test]
async fn when_the_inner_exit_fails_the_outer_manager_is_told_and_may_swallow() {
    async fn nested(log: &Log) -> Result<&'static str, Failure> {
        let value: Option<()> = async_with!(Swallow::all(log, "outer") => {
            async_with!(log.unsure("inner").exit_fails(Failure("exit")) => { log.add("body") })?;
        });
        assert_eq!(value, None);
        Ok("after")
    }

    let log = Log::default();
    let inner = || log.unsure("inner").exit_fails(Failure("exit"));
    let value = async_with!(Suppressor(log.unsure("outer"), true), inner() => { log.add("body") });
    assert_eq!(value, Ok(None));
    let told = ["ask outer: failed", "exit outer: failed"];
    let inner = ["enter outer", "enter inner", "body", "exit inner: completed"];
    log.expect(&[&inner[..], &told].concat());
    assert_eq!(nested(&log).await, Ok("after"));
    let told = [r#"outer sees Failure("exit")"#, "exit outer: failed"];
    log.expect(&[&inner[..], &told].concat());
}

// CPython: test_with.NestedWith.testExceptionLocation. The compiler's errors underline the manager they are about, see
// tests/ui/wrong_error_type_among_items.rs; at run time the type says which manager of the block it was.
#[tokio::test]
async fn a_lost_error_says_of_which_manager_and_which_block_it_is() {
    let (log, lost) = (Log::default(), LostErrors::with("found by its location"));
    let line = line!() + 1;
    let value: Result<Result<(), Failure>, Failure> = async_with!(
        log.sure("a"), log.unsure("b").exit_fails(Failure("found by its location")), log.sure("c")
        => { Err(Failure("body")) }
    );
    assert_eq!(value, Ok(Err(Failure("body"))));
    let [lost] = &lost.all()[..] else { panic!("one error is lost") };
    assert!(lost.manager.contains("Recorder<") && lost.manager.contains("Failure"), "{}", lost.manager);
    assert_eq!((lost.file, lost.line), (file!(), line));
}

// CPython: test_with.FailureTestCase.testExitThrows, which is about plain `with`.
#[tokio::test]
async fn what_an_exit_throws_leaves_a_synchronous_block_too() {
    let log = Log::default();
    let manager = || log.unsure("a").exit_fails(Failure("42"));
    assert_eq!(with!(manager() => {}), Err(Failure("42")));
    assert_eq!(async_with!(manager() => {}), Err(Failure("42")));
    log.expect(&["enter a", "exit a: completed", "enter a", "exit a: completed"]);
}

// CPython: test_with.NonexceptionalTestCase.testNestedSingleStatements.
#[tokio::test]
async fn nested_blocks_exit_each_at_its_own_end() {
    let log = Log::default();
    async_with!(log.sure("a") => {
        async_with!(log.sure("b") => {
            log.expect(&["enter a", "enter b"]);
        });
        log.expect(&["exit b: completed"]);
    });
    log.expect(&["exit a: completed"]);
}
