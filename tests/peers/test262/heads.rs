//! What may stand in a head, when it is looked at, and what it costs.

use std::convert::Infallible;
use std::future::{self, Future, pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use async_with::{
    AsyncContextManager, AsyncExitStack, ContextManager, ContextManagerExt, Outcome, async_with, settle,
    within,
};

use super::polls;
use crate::common::log::{Log, Recorder};

/// 20. staging/await-using-in-async-function-call-without-await: JavaScript runs up to the first suspension by then.
#[tokio::test]
async fn a_call_without_await_does_nothing() {
    #[within(log.sure("a"), log.sure("b"))]
    async fn function(log: &Log) {
        log.add("body");
    }

    let log = Log::default();
    drop(function(&log));
    settle().await;
    log.expect(&[]);
}

/// Knows whether it is the one that was entered.
struct Itself {
    entered: Option<Arc<()>>,
}

impl AsyncContextManager for Itself {
    type Value = Arc<()>;
    type Error = &'static str;

    async fn enter(&mut self) -> Result<Arc<()>, &'static str> {
        let mark = Arc::new(());
        self.entered = Some(Arc::clone(&mark));
        Ok(mark)
    }

    async fn exit(self, value: Arc<()>, _outcome: Outcome) -> Result<(), &'static str> {
        let entered = self.entered.ok_or("never entered")?;
        if Arc::ptr_eq(&entered, &value) { Err("the very one") } else { Err("another one") }
    }
}

/// 21. Symbol.asyncDispose-method-called-with-correct-this and its twin of Symbol.dispose.
#[tokio::test]
async fn exit_is_that_of_the_manager_that_was_entered() {
    let make = || Itself { entered: None };
    assert_eq!(async_with!(make() => {}), Err("the very one"));
    let stack = AsyncExitStack::new();
    drop(stack.enter(make()).await);
    assert_eq!(stack.close().await, Err("the very one"));
}

/// 22. await-using-does-not-imply-await-if-not-evaluated.
#[test]
fn a_head_that_is_not_reached_costs_no_poll() {
    async fn run(log: &Log, early: bool) {
        'outer: {
            if early {
                break 'outer;
            }
            async_with!(log.sure("a").waits(1) => {});
        }
    }

    let log = Log::default();
    assert_eq!(polls(run(&log, true)).0, 1);
    log.expect(&[]);
    assert_eq!(polls(run(&log, false)).0, 3);
}

/// 23. await-using-implies-await-if-evaluated: here it costs no poll either.
#[test]
fn a_manager_that_never_waits_costs_no_poll() {
    let log = Log::default();
    assert_eq!(polls(async { async_with!(log.sure("a") => { 1 }) }), (1, 1));
    assert_eq!(polls(async { async_with!(None::<Recorder<Infallible>> => { 2 }) }), (1, 2));
    assert_eq!(polls(async { async_with!(log.sure("a").waits(2) => { 3 }) }), (5, 3));
}

/// 24, 25. await-using-allows-null-initializer, await-using-allows-undefined-initializer.
#[tokio::test]
async fn no_manager_is_a_manager_that_does_nothing() {
    let log = Log::default();
    let [some, none] = [Some(log.sure("a").value(5)), None];
    for manager in [some, none] {
        async_with!(manager as value => { log.add(format!("{value:?}")) });
    }
    log.expect(&["enter a", "Some(5)", "exit a: completed", "None"]);
}

/// Its exit is a plain function that gives a future made elsewhere.
struct PlainExit(Log);

impl AsyncContextManager for PlainExit {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> impl Future<Output = Result<(), Infallible>> + Send {
        future::ready(Ok(()))
    }

    fn exit(self, _value: (), outcome: Outcome) -> impl Future<Output = Result<(), Infallible>> + Send {
        self.0.add(format!("called: {outcome}"));
        let mut polls = 0;
        poll_fn(move |cx| {
            polls += 1;
            if polls < 3 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.0.add("awaited");
            Poll::Ready(Ok(()))
        })
    }
}

/// 26. Symbol.asyncDispose-method-not-async, await-using-Symbol.asyncDispose-allows-non-promise-return-value,
/// -allows-promiselike-return-value; disposeAsync/Symbol.asyncDispose-method-not-async.
#[tokio::test]
async fn enter_and_exit_may_be_plain_functions_that_give_any_future() {
    let log = Log::default();
    async_with!(PlainExit(log.clone()) => { log.add("body") });
    log.expect(&["body", "called: completed", "awaited"]);
    let stack = AsyncExitStack::<Infallible>::new();
    let Ok(()) = stack.enter(PlainExit(log.clone())).await.map(drop);
    stack.defer(|_outcome| future::ready(()));
    let Ok(()) = stack.close().await;
    log.expect(&["called: completed", "awaited"]);
}

/// Its synchronous closer begins something that never ends.
struct NeverEnds;

impl ContextManager for NeverEnds {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        drop(pending::<()>());
        Ok(())
    }
}

/// 27. staging/async-disposal-from-sync-method-returning-a-promise.
#[test]
fn what_a_synchronous_closer_begins_is_not_waited_for() {
    let log = Log::default();
    let run = async {
        let stack = AsyncExitStack::<Infallible>::new();
        let Ok(()) = stack.enter(NeverEnds.into_async()).await.map(drop);
        let Ok(()) = stack.close().await;
        log.add("42");
        async_with!(NeverEnds.into_async() => { log.add("43") });
    };
    assert_eq!(polls(run).0, 1);
    log.expect(&["42", "43"]);
}

/// 28. syntax/await-using-outer-inner-using-bindings.
#[tokio::test]
async fn a_name_of_an_inner_block_does_not_disturb_that_of_an_outer_one() {
    let log = Log::default();
    async_with!(log.sure("outer x").value(1) as x, log.sure("outer y").value(2) as y => {
        async_with!(log.sure("inner x").value(3) as x => {
            for _ in 0..1 {
                async_with!(log.sure("inner y").value(4) as y => { assert_eq!((*x, *y), (3, 4)) });
            }
            assert_eq!((*x, *y), (3, 2));
        });
        assert_eq!((*x, *y), (1, 2));
    });
    log.expect(&[
        "enter outer x",
        "enter outer y",
        "enter inner x",
        "enter inner y",
        "exit inner y: completed",
        "exit inner x: completed",
        "exit outer y: completed",
        "exit outer x: completed",
    ]);
}
