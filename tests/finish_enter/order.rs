//! What waits for an enter that goes on, and for its exit.

use std::pin::pin;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, AsyncExitStack, Outcome, async_with, context, from_fn,
    settle,
};
use futures::poll;

use crate::block;
use crate::common::trace::{Gate, Trace, Traced, cut_at};

#[tokio::test]
async fn exits_of_blocks_around_wait_for_the_enter_and_its_exit() {
    let (trace, enter, exit) = (Trace::new(), Gate::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace) => {
                let c = Traced::new("C", &trace).enter_waits(&enter).exit_waits(&exit);
                block(c.finish_enter(), trace.clone()).await
            })
        })
    };
    cut_at(blocks, &trace, "enter C").await;
    let mut settled = pin!(settle());
    for _ in 0..20 {
        assert!(poll!(&mut settled).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events().last().unwrap(), "enter C");
    enter.open();
    trace.reached("exit C: cancelled").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events().last().unwrap(), "exit C: cancelled");
    exit.open();
    settled.await;
    assert_eq!(
        trace.events()[5..],
        [
            "entered C",
            "exit C: cancelled",
            "exited C",
            "exit B: cancelled",
            "exited B",
            "exit A: cancelled",
            "exited A"
        ]
    );
}

const AFTER_B: [&str; 5] = ["entered B", "exit B: cancelled", "exited B", "exit A: cancelled", "exited A"];

/// Cuts a block over `A` and `B` while `B` is being entered.
async fn cut_in_second_enter<F: Future>(make: impl FnOnce(Traced, Traced) -> F) {
    let (trace, gate) = (Trace::new(), Gate::new());
    let (a, b) = (Traced::new("A", &trace), Traced::new("B", &trace).enter_waits(&gate));
    cut_at(make(a, b), &trace, "enter B").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events().last().unwrap(), "enter B", "A waits");
    gate.open();
    settle().await;
    assert_eq!(trace.events()[3..], AFTER_B);
}

#[tokio::test]
async fn exits_of_items_before_wait_for_them() {
    cut_in_second_enter(async |a, b| async_with!(a, b.finish_enter() => { panic!("it was cut before") }))
        .await;
}

#[tokio::test]
async fn exits_of_parts_before_wait_for_them() {
    cut_in_second_enter(async |a, b| async_with!((a, b.finish_enter()) => { panic!("it was cut before") }))
        .await;
    cut_in_second_enter(async |a, b| {
        let all = vec![a.boxed(), b.finish_enter().boxed()];
        async_with!(all => { panic!("it was cut before") })
    })
    .await;
}

#[tokio::test]
async fn all_parts_of_a_manager_are_finished() {
    cut_in_second_enter(async |a, b| async_with!((a, b).finish_enter() => { panic!("it was cut before") }))
        .await;
}

#[tokio::test]
async fn exits_in_a_stack_wait_for_them() {
    cut_in_second_enter(async |a, b| {
        async_with!(AsyncExitStack::<&'static str>::new() as stack => {
            let stack = &*stack;
            drop(stack.enter(a).await?);
            drop(stack.enter(b.finish_enter()).await?);
        })
    })
    .await;
}

#[tokio::test]
async fn the_end_of_a_context_around_them_waits_for_them() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let around = {
        let trace = trace.clone();
        context(|body| async move {
            let ((), done) = body.run(()).await;
            trace.log(format!("end: {}", done.outcome()));
            Ok::<_, &'static str>(done)
        })
    };
    let inner = Traced::new("A", &trace).enter_waits(&gate).finish_enter();
    cut_at(async { async_with!(around => { block(inner, trace.clone()).await }) }, &trace, "enter A").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events(), ["enter A"]);
    gate.open();
    settle().await;
    assert_eq!(trace.events()[1..], ["entered A", "exit A: cancelled", "exited A", "end: cancelled"]);
}

// Where one is entered inside the enter of another.
#[tokio::test]
async fn an_enter_that_enters_another_finishes_both() {
    struct Outer(Traced, Traced);

    impl AsyncContextManager for Outer {
        type Value = ();
        type Error = &'static str;

        async fn enter(&mut self) -> Result<(), &'static str> {
            self.0.run_enter().await
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
            async_with!(self.1.finish_enter() => {})?;
            self.0.run_exit(outcome).await
        }
    }

    let (trace, gate) = (Trace::new(), Gate::new());
    let outer = Outer(Traced::new("A", &trace).enter_waits(&gate), Traced::new("X", &trace));
    cut_at(block(outer.finish_enter(), trace.clone()), &trace, "enter A").await;
    gate.open();
    settle().await;
    assert_eq!(
        trace.events(),
        [
            "enter A",
            "entered A",
            "enter X",
            "entered X",
            "exit X: completed",
            "exited X",
            "exit A: cancelled",
            "exited A"
        ]
    );
}

// A block inside an enter that goes on is part of it.
#[tokio::test]
async fn a_block_in_an_enter_that_is_cut_goes_on() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let inner = Traced::new("X", &trace).exit_waits(&gate);
    let (enter_trace, exit_trace) = (trace.clone(), trace.clone());
    let manager = from_fn(
        move || async move {
            async_with!(inner => { enter_trace.step("inside").await })?;
            enter_trace.log("entered");
            Ok::<_, &'static str>(())
        },
        move |(), outcome| async move { exit_trace.log(format!("exit: {outcome}")) },
    );
    let blocks = async {
        async_with!(Traced::new("A", &trace) => { block(manager.finish_enter(), trace.clone()).await })
    };
    cut_at(blocks, &trace, "exit X: completed").await;
    gate.open();
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["exit X: completed", "exited X", "entered", "exit: cancelled", "exit A: cancelled", "exited A"]
    );
}
