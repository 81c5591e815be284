//! `AsyncExitStack`: what may be put into it, and what its exits are told.

use std::future::ready;
use std::task::{Context, Poll, Waker};

use async_with::{AsyncExitStack, ContextManagerExt, Outcome, async_with};

use crate::common::log::{Failure, Log, Suppressor};
use crate::common::trace::yield_once;

type Stack = AsyncExitStack<Failure>;

// CPython: TestAsyncExitStack.test_no_resources.
#[tokio::test]
async fn an_empty_stack_does_nothing() {
    assert_eq!(async_with!(Stack::new() as stack => stack.len()), Ok(0));
    assert_eq!(async_with!(Stack::new() => { Err(Failure("body")) }), Ok(Err::<(), _>(Failure("body"))));
    assert_eq!(Stack::new().close().await, Ok(()));
}

// CPython: TestAsyncExitStack.test_async_callback, test_callback. What CPython passes as arguments, a closure has.
#[tokio::test]
async fn callbacks_run_in_reverse_each_with_its_arguments() {
    let log = Log::default();
    let expected = ["()", "(1)", "(1, 2)", "(example=1)", "(1, example=1)", "(1, 2, example=1)"];
    async_with!(Stack::new() as stack => {
        for arguments in expected.into_iter().rev() {
            let log = log.clone();
            stack.defer(move |_outcome| async move {
                yield_once().await;
                log.add(arguments);
            });
        }
        assert_eq!(stack.len(), 6);
        log.expect(&[]);
    })
    .unwrap();
    log.expect(&expected);
}

fn push(stack: &Stack, log: &Log, name: &'static str) {
    let log = log.clone();
    drop(stack.push(name, |name, outcome| async move {
        yield_once().await;
        log.add(format!("{name}: {outcome}"));
    }));
}

/// The same with an exit that needs no awaiting.
fn push_sync(stack: &Stack, log: &Log, name: &'static str) {
    let log = log.clone();
    drop(stack.push(name, move |name, outcome| {
        log.add(format!("{name}: {outcome}"));
        ready(())
    }));
}

/// Pushes below and above a suppressor, which is a block between two stacks here, and fails.
async fn pushes(log: &Log, push: fn(&Stack, &Log, &'static str)) -> Result<&'static str, Failure> {
    async_with!(Stack::new() as below => {
        push(below, log, "expect ok 1");
        push(below, log, "expect ok 2");
        let value: Option<()> = async_with!(Suppressor(log.sure("suppress"), true) => {
            async_with!(Stack::new() as above => {
                for name in ["expect exc 1", "expect exc 2", "expect exc 3"] {
                    push(above, log, name);
                }
                Err(Failure("division by zero"))?
            })?;
        });
        assert_eq!(value, None);
    })?;
    Ok("after")
}

const PUSHED: [&str; 8] = [
    "enter suppress",
    "expect exc 3: failed",
    "expect exc 2: failed",
    "expect exc 1: failed",
    "ask suppress: failed",
    "exit suppress: failed",
    "expect ok 2: completed",
    "expect ok 1: completed",
];

// CPython: TestAsyncExitStack.test_async_push.
#[tokio::test]
async fn exits_above_a_suppressor_are_told_the_failure_and_those_below_it_a_success() {
    let log = Log::default();
    assert_eq!(pushes(&log, push).await, Ok("after"));
    log.expect(&PUSHED);
}

// CPython: TestAsyncExitStack.test_push.
#[tokio::test]
async fn exits_that_need_no_awaiting_are_told_the_same() {
    let log = Log::default();
    assert_eq!(pushes(&log, push_sync).await, Ok("after"));
    log.expect(&PUSHED);
}

// CPython: TestAsyncExitStack.test_async_enter_context.
#[tokio::test]
async fn what_is_put_in_first_is_exited_last() {
    let log = Log::default();
    let last = log.clone();
    async_with!(Stack::new() as stack => {
        stack.defer(|_outcome| async move { last.add("4") });
        let value = stack.enter(log.unsure("manager").value(7)).await.unwrap();
        log.add(format!("body with {value}"));
    })
    .unwrap();
    log.expect(&["enter manager", "body with 7", "exit manager: completed", "4"]);
}

// CPython: TestAsyncExitStack.test_enter_async_context_errors. What is no manager does not compile, see the tests in tests/ui;
// a manager that cannot be entered is not registered either.
#[tokio::test]
async fn a_manager_that_cannot_be_entered_is_not_registered() {
    let log = Log::default();
    let value = async_with!(Stack::new() as stack => {
        let manager = log.unsure("a").enter_fails(Failure("enter")).exit_fails(Failure("exit"));
        let entered = stack.enter(manager).await;
        assert_eq!(entered.unwrap_err(), Failure("enter"));
        assert!(stack.is_empty());
    });
    assert_eq!(value, Ok(()));
    log.expect(&["enter a"]);
}

// CPython: TestAsyncExitStack.test_enter_context.
#[tokio::test]
async fn a_synchronous_manager_may_be_entered_too() {
    let log = Log::default();
    let last = log.clone();
    async_with!(Stack::new() as stack => {
        stack.defer(|_outcome| async move { last.add("4") });
        let value = stack.enter(log.unsure("sync").value(7).into_async()).await.unwrap();
        log.add(format!("body with {value}"));
    })
    .unwrap();
    log.expect(&["enter sync", "body with 7", "exit sync: completed", "4"]);
}

// CPython: TestAsyncExitStack.test_exit_raise.
#[tokio::test]
async fn an_exit_that_swallows_nothing_lets_the_failure_out() {
    async fn run(log: &Log) -> Result<&'static str, Failure> {
        async_with!(Stack::new() as stack => {
            push(stack, log, "a");
            Err(Failure("division by zero"))?
        })?;
        Ok("after")
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("division by zero")));
    log.expect(&["a: failed"]);
}

// CPython: TestAsyncExitStack.test_exit_suppress, test_body_exception_suppress, which are one. The suppressor is around.
#[tokio::test]
async fn a_failure_in_a_block_over_a_stack_may_be_swallowed_around_it() {
    async fn run(log: &Log) -> Result<&'static str, Failure> {
        let value: Result<Option<()>, Failure> = async_with!(Suppressor(log.unsure("a"), true), Stack::new() as stack => {
            push(stack, log, "b");
            Err(Failure("division by zero"))?
        });
        assert_eq!(value, Ok(None));
        Ok("after")
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Ok("after"));
    log.expect(&["enter a", "b: failed", "ask a: failed", "exit a: failed"]);
}

// CPython: TestAsyncExitStack.test_excessive_nesting.
#[test]
fn ten_thousand_callbacks_need_no_recursion() {
    async fn many(log: Log, suspend: bool) {
        async_with!(Stack::new() as stack => {
            for number in 0..10_000 {
                let log = log.clone();
                stack.defer(move |outcome| async move {
                    if suspend {
                        yield_once().await;
                    }
                    log.add(format!("{number} {}", outcome == Outcome::Completed));
                });
            }
        })
        .unwrap();
    }

    for suspend in [false, true] {
        let run = move || {
            let log = Log::default();
            let mut block = Box::pin(many(log.clone(), suspend));
            let cx = &mut Context::from_waker(Waker::noop());
            let polls = (1..=20_000).find(|_| block.as_mut().poll(cx) == Poll::Ready(())).unwrap();
            assert_eq!(polls, if suspend { 10_001 } else { 1 });
            let expected: Vec<_> = (0..10_000).rev().map(|number| format!("{number} true")).collect();
            log.expect(&expected.iter().map(String::as_str).collect::<Vec<_>>());
        };
        // Recursion would need more than this.
        std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
    }
}
