//! An enter that is cut goes on, and what it enters is exited.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod cuts;
mod order;

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, LocalAsyncContextManagerExt, Outcome, async_with, settle,
};
use futures::{FutureExt, poll};

use crate::common::Plain;
use crate::common::log::Log;
use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};
use crate::common::ways::unique;

/// A block that does not get past its enter.
async fn block<M: AsyncContextManager<Value = (), Error = &'static str>>(
    manager: M,
    trace: Trace,
) -> Result<(), &'static str> {
    async_with!(manager => { trace.log("body") })
}

fn count(trace: &Trace, event: &str) -> usize {
    trace.events().iter().filter(|known| known.starts_with(event)).count()
}

/// What is left of a block that was cut in enter, from then on.
async fn cut_in_enter(make: impl FnOnce(Traced) -> Traced, adapt: u8) -> Trace {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = make(Traced::new("A", &trace).enter_waits(&gate));
    match adapt {
        1 => cut_at(block(manager.finish_enter(), trace.clone()), &trace, "enter A").await,
        2 => cut_at(block(manager.finish_enter().finish_enter(), trace.clone()), &trace, "enter A").await,
        3 => cut_at(block(manager.boxed().finish_enter().boxed(), trace.clone()), &trace, "enter A").await,
        _ => {
            cut_at(block(manager.map_err(|error| error).finish_enter(), trace.clone()), &trace, "enter A")
                .await;
        }
    }
    assert_eq!(trace.events(), ["enter A"]);
    let mut settled = pin!(settle());
    assert!(poll!(&mut settled).is_pending(), "settle waits for the enter");
    gate.open();
    settled.await;
    trace
}

#[tokio::test]
async fn an_enter_that_is_cut_goes_on_and_is_followed_by_the_exit() {
    for adapt in 1..=4 {
        let trace = cut_in_enter(|manager| manager, adapt).await;
        assert_eq!(trace.events(), ["enter A", "entered A", "exit A: cancelled", "exited A"]);
    }
}

#[tokio::test]
async fn an_enter_that_is_cut_and_then_fails_is_reported_and_not_exited() {
    losses();
    for adapt in 1..=4 {
        for panics in [false, true] {
            let mark = unique("enter");
            let make =
                |manager: Traced| if panics { manager.enter_panics(mark) } else { manager.enter_fails(mark) };
            let trace = cut_in_enter(make, adapt).await;
            assert_eq!(count(&trace, "exit A"), 0);
            let lost = losses().of(mark);
            assert_eq!(lost.len(), 1, "{lost:?}");
            assert_eq!((lost[0].outcome, lost[0].file), (Outcome::Cancelled, file!()));
            assert!(lost[0].manager.contains("Traced") || adapt != 1, "{lost:?}");
        }
    }
}

#[tokio::test]
async fn an_exit_after_an_enter_that_was_cut_reports_what_it_fails_with() {
    losses();
    for adapt in 1..=4 {
        for panics in [false, true] {
            let mark = unique("exit");
            let make =
                |manager: Traced| if panics { manager.exit_panics(mark) } else { manager.exit_fails(mark) };
            let trace = cut_in_enter(make, adapt).await;
            assert_eq!(trace.events()[..3], ["enter A", "entered A", "exit A: cancelled"]);
            let lost = losses().of(mark);
            assert_eq!(lost.len(), 1, "{lost:?}");
            assert_eq!(lost[0].outcome, Outcome::Cancelled);
        }
    }
}

/// Enter and exit suspend three times each; what it lends says when it is dropped.
struct Steps(Log);

impl AsyncContextManager for Steps {
    type Value = crate::common::log::OnDrop;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<Self::Value, Infallible> {
        self.0.add("enter");
        for _ in 0..3 {
            yield_once().await;
        }
        self.0.add("entered");
        Ok(self.0.on_drop("value dropped"))
    }

    async fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), Infallible> {
        self.0.add(format!("exit: {outcome}"));
        for _ in 0..3 {
            yield_once().await;
        }
        drop(value);
        self.0.add("exited");
        Ok(())
    }
}

#[tokio::test]
async fn dropped_at_every_poll_it_is_entered_and_exited_exactly_once() {
    for polls in 0..=8 {
        let log = Log::default();
        let mut block =
            Box::pin(async { async_with!(Steps(log.clone()).finish_enter() => yield_once().await) });
        let ended = (0..polls).any(|_| poll_once(block.as_mut()).is_ready());
        drop(block);
        settle().await;
        let told = match polls {
            0 => {
                log.expect(&[]);
                continue;
            }
            // Three in enter, one in the body.
            1..=4 => "exit: cancelled",
            _ => "exit: completed",
        };
        log.expect(&["enter", "entered", told, "value dropped", "exited"]);
        assert_eq!(ended, polls == 8);
    }
}

// Where nothing is cut.

#[tokio::test]
async fn an_enter_that_fails_by_itself_fails_the_block() {
    let (trace, mark) = (Trace::new(), unique("enter"));
    losses();
    let failed = block(Traced::new("A", &trace).enter_fails(mark).finish_enter(), trace.clone()).await;
    assert_eq!(failed, Err(mark));
    let panicked = block(Traced::new("A", &trace).enter_panics(mark).finish_enter(), trace.clone());
    let panic = AssertUnwindSafe(panicked).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&mark));
    settle().await;
    assert!(losses().of(mark).is_empty());
    assert_eq!((count(&trace, "exit"), count(&trace, "body")), (0, 0));
}

#[tokio::test]
async fn one_that_is_never_polled_does_nothing() {
    let trace = Trace::new();
    drop(block(Traced::new("A", &trace).finish_enter(), trace.clone()));
    settle().await;
    assert_eq!(trace.events(), [""; 0]);
}

#[tokio::test]
async fn in_the_local_map_err_it_keeps_its_promise() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager =
        Traced::new("A", &trace).enter_waits(&gate).finish_enter().map_err_local(|error| vec![error]);
    cut_at(async { async_with!(manager => {}) }, &trace, "enter A").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: cancelled", "exited A"]);
}

// The manager is moved out while it is being entered, and must be back for the rest.
#[tokio::test]
async fn after_its_enter_it_is_the_same_manager() {
    let trace = Trace::new();
    let manager = Traced::new("A", &trace).interrupts("stop").finish_enter();
    let block = async_with!(manager => { pending::<()>().await });
    assert_eq!(block, Err("stop"));
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: interrupted", "exited A"]);
    assert_eq!(format!("{:?}", Plain.finish_enter()), "FinishEnter { inner: Plain }");
}
