//! An enter that is cut goes on, and what it enters is exited.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, AsyncExitStack, LocalAsyncContextManagerExt, Outcome,
    async_with, context, from_fn, settle,
};
use futures::{FutureExt, poll};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

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

// Order.

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

// Means to cut it.

#[tokio::test(start_paused = true)]
async fn a_timeout_around_it_is_not_held_up() {
    let log = Log::default();
    let (enter, exit) = (log.clone(), log.clone());
    let slow = from_fn(
        || async move {
            sleep(Duration::from_secs(60)).await;
            enter.add("entered");
            Ok::<_, Infallible>(5)
        },
        |value, outcome| async move {
            sleep(Duration::from_secs(60)).await;
            exit.add(format!("exit {value}: {outcome}"));
        },
    );
    let begin = tokio::time::Instant::now();
    let cut = timeout(Duration::from_secs(1), async { async_with!(slow.finish_enter() => {}) });
    assert!(cut.await.is_err());
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
    settle().await;
    assert_eq!(begin.elapsed(), Duration::from_secs(120));
    log.expect(&["entered", "exit 5: cancelled"]);
}

#[tokio::test]
async fn an_abort_cuts_it_like_a_drop() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).enter_waits(&gate).finish_enter();
    let task = tokio::spawn(block(manager, trace.clone()));
    trace.reached("enter A").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: cancelled", "exited A"]);
}

#[tokio::test(start_paused = true)]
async fn with_an_exit_timeout_the_exit_after_it_has_a_limit_too() {
    for outside in [false, true] {
        let (trace, enter, exit) = (Trace::new(), Gate::new(), Gate::new());
        let manager = Traced::new("A", &trace).enter_waits(&enter).exit_waits(&exit);
        let limit = Duration::from_secs(5);
        let blocks = async {
            if outside {
                let _ = async_with!(manager.finish_enter().exit_timeout(limit) => {});
            } else {
                let _ = async_with!(manager.exit_timeout(limit).finish_enter() => {});
            }
        };
        cut_at(blocks, &trace, "enter A").await;
        enter.open();
        trace.reached("exit A: cancelled").await;
        sleep(limit * 2).await;
        exit.open();
        settle().await;
        assert_eq!(trace.events(), ["enter A", "entered A", "exit A: cancelled", "exited A"]);
    }
}

#[test]
fn without_a_runtime_it_goes_on_in_the_background() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let (enter, exit) = (trace.clone(), trace.clone());
    let on_thread = || thread::current().name().unwrap_or_default().to_owned();
    let manager = {
        let gate = gate.clone();
        from_fn(
            move || async move {
                gate.passed().await;
                enter.log(format!("entered on {}", on_thread()));
                Ok::<_, &'static str>(())
            },
            move |(), outcome| async move { exit.log(format!("exit on {}: {outcome}", on_thread())) },
        )
    };
    let mut block = Box::pin(block(manager.finish_enter(), trace.clone()));
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    gate.open();
    futures::executor::block_on(settle());
    assert_eq!(trace.events(), ["entered on async-with exits", "exit on async-with exits: cancelled"]);
}

#[test]
fn a_runtime_that_ends_before_the_enter_reports_it() {
    struct CutByShutdown;

    impl AsyncContextManager for CutByShutdown {
        type Value = ();
        type Error = &'static str;

        async fn enter(&mut self) -> Result<(), &'static str> {
            pending().await
        }

        async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
            panic!("nothing was entered")
        }
    }

    losses();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut block = Box::pin(block(CutByShutdown.finish_enter(), Trace::new()));
        assert!(poll!(&mut block).is_pending());
    });
    drop(runtime);
    let lost = losses().over("CutByShutdown");
    assert_eq!(lost.len(), 1, "{lost:?}");
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
    assert_eq!(format!("{:?}", Shown.finish_enter()), "FinishEnter { inner: Shown }");
}

#[derive(Debug)]
struct Shown;

impl AsyncContextManager for Shown {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}
