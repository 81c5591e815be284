//! What happens when: enter, body and exit, one after the other and one in the other.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::time::Duration;

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome, async_with};
use tokio::sync::{Mutex, MutexGuard};

use crate::common::Plain;
use crate::common::log::{Failure, Log, Suppressor};

// CPython: test_coroutines.test_with_1, where b swallows the failure.
#[tokio::test]
async fn enters_and_exits_that_suspend_run_one_after_the_other() {
    async fn run(log: &Log, swallow: bool) -> Result<&'static str, Failure> {
        async_with!(log.sure("a").waits(2), Suppressor(log.sure("b").waits(2), swallow) => {
            log.add("body");
            Err(Failure("body"))?;
        });
        Ok("after")
    }

    let log = Log::default();
    let until_b = ["enter a", "a waited 1", "a waited 2", "enter b", "b waited 1", "b waited 2", "body"];
    let exit_b = ["ask b: failed", "exit b: failed", "b waited 1", "b waited 2"];
    assert_eq!(run(&log, true).await, Ok("after"));
    log.expect(&[&until_b[..], &exit_b[..], &["exit a: completed", "a waited 1", "a waited 2"]].concat());
    assert_eq!(run(&log, false).await, Err(Failure("body")));
    log.expect(&[&until_b[..], &exit_b[..], &["exit a: failed", "a waited 1", "a waited 2"]].concat());
}

// test262: await-using/multiple-resources-disposed-in-reverse-order,
// puts-initializer-on-top-of-disposableresourcestack-multiple-bindings and -subsequent-usings.
#[tokio::test]
async fn exits_run_in_reverse_in_one_head_and_in_nested_ones() {
    let log = Log::default();
    async_with!(log.sure("a"), log.sure("b"), log.sure("c") => {});
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
    async_with!(log.sure("a") => {
        async_with!(log.sure("b") => {
            async_with!(log.sure("c") => { log.add("body") });
        });
    });
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "body",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
}

// CPython: test_with.NestedNonexceptional.testNestedSingleStatements.
// test262: initializer-Symbol.asyncDispose-called-at-end-of-block and -asyncfunctionbody, await-using-in-block.
#[tokio::test]
async fn each_block_exits_at_its_own_end() {
    async fn run(log: &Log) {
        async_with!(log.sure("a") => {
            async_with!(log.sure("b") => { log.add("in b") });
            log.add("in a");
        });
        log.add("after a");
        async_with!(log.sure("c") => { log.add("in c") });
    }

    let log = Log::default();
    run(&log).await;
    log.add("after the function");
    log.expect(&[
        "enter a",
        "enter b",
        "in b",
        "exit b: completed",
        "in a",
        "exit a: completed",
        "after a",
        "enter c",
        "in c",
        "exit c: completed",
        "after the function",
    ]);
}

// test262: initializer-Symbol.asyncDispose-called-at-end-of-forstatement, -end-of-each-iteration-of-forofstatement,
// await-using-in-for-statement, await-using-in-for-of-statement.
#[tokio::test]
async fn a_block_around_a_loop_exits_once_and_one_in_it_each_turn() {
    let log = Log::default();
    async_with!(log.sure("around") => {
        for turn in 0..2 {
            async_with!(log.sure("in") => { log.add(format!("turn {turn}")) });
        }
    });
    log.expect(&[
        "enter around",
        "enter in",
        "turn 0",
        "exit in: completed",
        "enter in",
        "turn 1",
        "exit in: completed",
        "exit around: completed",
    ]);
}

// CPython: test_coroutines.test_for_6.
#[tokio::test]
async fn blocks_and_asynchronous_loops_follow_each_other() {
    use futures::StreamExt;

    let log = Log::default();
    let mut count = 0;
    async_with!(log.sure("a") => {
        let mut numbers = futures::stream::iter(1..=20);
        while let Some(number) = numbers.next().await {
            tokio::task::yield_now().await;
            count += number;
        }
    });
    assert_eq!(count, 210);
    let mut numbers = futures::stream::iter(1..=20);
    while let Some(number) = numbers.next().await {
        async_with!(Plain => { count += number });
    }
    assert_eq!(count, 420);
    async_with!(log.sure("b") => { count += 1 });
    assert_eq!(count, 421);
    log.expect(&["enter a", "exit a: completed", "enter b", "exit b: completed"]);
}

struct Slow(Log);

impl AsyncContextManager for Slow {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.add("entered");
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.0.add(format!("exited: {outcome}"));
        Ok(())
    }
}

// CPython: test_coroutines.CoroAsyncIOCompatTest.test_asyncio_1.
#[tokio::test(start_paused = true)]
async fn enter_and_exit_may_sleep() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Slow(log.clone()) => { Err(Failure("body"))? });
        Ok(())
    }

    let log = Log::default();
    let start = tokio::time::Instant::now();
    assert_eq!(run(&log).await, Err(Failure("body")));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    log.expect(&["entered", "exited: failed"]);
}

// test262: await-using-in-async-function-call-without-await, which runs eagerly: a future does not.
#[tokio::test]
async fn nothing_happens_before_the_first_poll() {
    let log = Log::default();
    let block = async {
        async_with!(
            {
                log.add("expression");
                log.sure("a")
            } => {}
        );
    };
    log.expect(&[]);
    drop(block);
    async_with::settle().await;
    log.expect(&[]);
}

// test262: await-using-in-async-function-call-with-await.
#[tokio::test]
async fn the_caller_goes_on_after_the_exit() {
    async fn callee(log: &Log) {
        async_with!(log.sure("a").waits(1) => {});
    }

    let log = Log::default();
    log.add("before");
    callee(&log).await;
    log.add("after");
    log.expect(&["before", "enter a", "a waited 1", "exit a: completed", "a waited 1", "after"]);
}

async fn count_polls<T>(future: impl Future<Output = T>) -> (T, usize) {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx).map(|value| (value, polls))
    })
    .await
}

// test262: await-using-does-not-imply-await-if-not-evaluated; await-using-implies-await-if-evaluated, which in Rust is
// not so: awaiting what is ready costs no poll.
#[tokio::test]
async fn a_block_suspends_only_where_its_parts_do() {
    async fn run(log: &Log, leave: bool, waits: usize) -> u8 {
        if leave {
            return 0;
        }
        async_with!(log.sure("a").waits(waits), log.sure("b") => {
            async_with!(Plain => { return 1; })
        })
    }

    let log = Log::default();
    assert_eq!(count_polls(run(&log, true, 0)).await, (0, 1));
    assert_eq!(count_polls(run(&log, false, 0)).await, (1, 1));
    assert_eq!(count_polls(run(&log, false, 2)).await, (1, 5));
}

#[tokio::test]
async fn jumps_and_completion_do_not_suspend_either() {
    let run = async {
        let mut turns = 0;
        loop {
            turns += 1;
            async_with!(Plain => {
                if turns < 3 {
                    continue;
                }
            });
            async_with!(Plain => { break turns });
        }
    };
    assert_eq!(count_polls(run).await, (3, 1));
}

struct Numbered {
    number: u32,
    seen: Log,
}

// test262: Symbol.asyncDispose-method-not-async, Symbol.asyncDispose-method-called-with-correct-this.
impl AsyncContextManager for Numbered {
    type Value = String;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<String, Infallible> {
        self.number += 1;
        Ok(format!("value {}", self.number))
    }

    fn exit(
        self,
        value: String,
        _outcome: Outcome,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + use<> {
        self.seen.add(format!("manager {}, {value}", self.number));
        ready(Ok(()))
    }
}

#[tokio::test]
async fn the_exit_is_given_the_manager_and_the_value_as_enter_and_body_left_them() {
    let log = Log::default();
    async_with!(Numbered { number: 1, seen: log.clone() } as value => { value.push('!') });
    log.expect(&["manager 2, value 2!"]);
}

struct Locked<'a>(&'a Mutex<Vec<u8>>);

impl<'a> LocalAsyncContextManager for Locked<'a> {
    type Value = MutexGuard<'a, Vec<u8>>;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<Self::Value, Infallible> {
        Ok(self.0.lock().await)
    }

    async fn exit(self, _guard: Self::Value, _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

// CPython: test_asyncio.test_pep492.test_context_manager_async_with, test_locks.LockTests.test_context_manager.
#[tokio::test]
async fn a_lock_is_held_inside_and_free_after() {
    let mutex = Mutex::new(Vec::new());
    async_with!(Locked(&mutex) as guard => {
        assert!(mutex.try_lock().is_err());
        guard.push(1);
    });
    assert_eq!(*mutex.try_lock().unwrap(), [1]);
    let add = |number| {
        let mutex = &mutex;
        async move {
            async_with!(Locked(mutex) as guard => {
                let before = guard.len();
                tokio::task::yield_now().await;
                guard.push(number);
                assert_eq!(guard.len(), before + 1);
            });
        }
    };
    tokio::join!(add(2), add(3));
    assert_eq!(*mutex.lock().await, [1, 2, 3]);
}
