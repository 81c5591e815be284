//! Ways out of a block, over one manager and over several.

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;

use async_with::{AsyncExitStack, ContextManager, Outcome, async_with, settle, together, with};
use futures::future::{FutureExt, join};

use crate::common::trace::{Gate, Trace, Traced, cut_at};
use crate::common::ways::{WAYS, Way, leave};
use crate::{Executor, On};

pub async fn a_block_gives_its_value_after_its_exit(executor: Executor) {
    let trace = Trace::new();
    let value = async_with!(On::new(executor, "A", &trace), On::new(executor, "B", &trace) => {
        trace.step("body").await;
        5
    });
    assert_eq!(value, Ok(5));
    assert_eq!(
        trace.events()[4..],
        ["body", "exit B: completed", "exited B", "exit A: completed", "exited A"]
    );
}

/// Where a block that is left in this way is seen to have gone, and what it gave.
fn gone(way: Way) -> (&'static [&'static str], Result<Result<(), &'static str>, &'static str>) {
    match way {
        Way::AtTheEnd => (&["after"], Ok(Ok(()))),
        Way::WithAnErr => (&["after"], Ok(Err("body"))),
        Way::Return => (&[], Ok(Ok(()))),
        Way::QuestionMark => (&[], Ok(Err("body"))),
        Way::Break => (&["after the loop"], Ok(Ok(()))),
        Way::Continue => (&["continued", "after the loop"], Ok(Ok(()))),
        Way::Panic => (&[], Err("body")),
        Way::Interrupt => (&["after"], Ok(Err("\"interrupt\""))),
    }
}

async fn each_way(block: impl AsyncFn(Traced, Way, &Trace) -> Result<(), String>) {
    for way in WAYS {
        let trace = Trace::new();
        let mut manager = Traced::new("A", &trace);
        if way == Way::Interrupt {
            manager = manager.interrupts("interrupt");
        }
        let left = AssertUnwindSafe(block(manager, way, &trace)).catch_unwind().await;
        let (went, gave) = gone(way);
        match left {
            Ok(left) => assert_eq!(Ok(left.as_ref().copied().map_err(String::as_str)), gave, "{way:?}"),
            Err(payload) => assert_eq!(payload.downcast_ref::<&str>(), gave.as_ref().err(), "{way:?}"),
        }
        let events = trace.events();
        assert_eq!(events[..3], ["enter A", "entered A", "body"], "{way:?}");
        assert_eq!(events[3..5], [format!("exit A: {}", way.outcome()), "exited A".to_owned()], "{way:?}");
        assert_eq!(events[5..], *went, "{way:?}");
    }
}

pub async fn every_way_out_awaits_the_exit(executor: Executor) {
    each_way(async |manager, way, trace| leave(On::over(executor, manager), way, trace).await).await;
}

pub async fn every_way_out_awaits_the_exit_of_a_local_manager(executor: Executor) {
    each_way(async |manager, way, trace| leave(On::over(executor, manager).local(), way, trace).await).await;
}

pub async fn a_local_manager_that_is_cut_is_abandoned_or_loses_its_exit(executor: Executor) {
    let (trace, never) = (Trace::new(), Gate::new());
    let manager = On::new(executor, "A", &trace).local();
    let block = async {
        async_with!(manager => {
            trace.step("body").await;
            pending::<()>().await;
        })
    };
    cut_at(block, &trace, "body").await;
    let manager = On::over(executor, Traced::new("B", &trace).exit_waits(&never)).local();
    cut_at(async { async_with!(manager => {}) }, &trace, "exit B: completed").await;
    settle().await;
    assert_eq!(
        trace.events()[3..],
        ["abandon A", "enter B", "entered B", "exit B: completed", "exit B dropped"]
    );
}

// Several managers.

async fn stack(executor: Executor, trace: &Trace) -> Result<(), &'static str> {
    async_with!(AsyncExitStack::<&'static str>::new() as stack => {
        stack.enter(On::new(executor, "A", trace)).await?;
        let deferred = trace.clone();
        stack.defer(async move |outcome| {
            executor.wait().await;
            deferred.log(format!("deferred: {outcome}"));
            Ok(())
        });
        stack.enter(On::new(executor, "B", trace)).await?;
        trace.step("body").await;
    })
}

pub async fn a_stack_is_exited_when_it_is_left_and_when_it_is_cut(executor: Executor) {
    let trace = Trace::new();
    stack(executor, &trace).await.unwrap();
    assert_eq!(
        trace.events()[5..],
        ["exit B: completed", "exited B", "deferred: completed", "exit A: completed", "exited A"]
    );
    let trace = Trace::new();
    cut_at(stack(executor, &trace), &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["exit B: cancelled", "exited B", "deferred: cancelled", "exit A: cancelled", "exited A"]
    );
}

pub async fn managers_that_are_together_are_exited_together_also_when_they_are_cut(executor: Executor) {
    for cut in [false, true] {
        let (trace, gate) = (Trace::new(), Gate::new());
        let one = On::over(executor, Traced::new("A", &trace).exit_waits(&gate));
        let other = On::over(executor, Traced::new("B", &trace).exit_waits(&gate));
        let block = async { async_with!(together((one, other)) => { trace.step("body").await; }) };
        let outcome = if cut { Outcome::Cancelled } else { Outcome::Completed };
        // Each waits until both have begun.
        let opener = async {
            trace.reached(&format!("exit A: {outcome}")).await;
            trace.reached(&format!("exit B: {outcome}")).await;
            gate.open();
        };
        if cut {
            cut_at(block, &trace, "body").await;
            opener.await;
            settle().await;
        } else {
            join(block, opener).await.0.unwrap();
        }
        assert!(trace.has("exited A") && trace.has("exited B"), "{outcome}: {:?}", trace.events());
    }
}

struct Synchronous(Trace);

impl ContextManager for Synchronous {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        self.0.log("enter");
        Ok(())
    }

    fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.log(format!("exit: {outcome}"));
        Ok(())
    }
}

pub async fn a_synchronous_block_that_is_cut_is_exited_at_once(executor: Executor) {
    let trace = Trace::new();
    with!(Synchronous(trace.clone()) => async {
        executor.wait().await;
        trace.log("body");
    });
    assert_eq!(trace.events(), ["enter", "body", "exit: completed"]);
    let trace = Trace::new();
    let block = async {
        with!(Synchronous(trace.clone()) => async {
            trace.step("body").await;
            executor.wait().await;
        });
    };
    cut_at(block, &trace, "body").await;
    assert_eq!(trace.events(), ["enter", "body", "exit: cancelled"]);
}
