//! A manager that stops its own body.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::future::{pending, ready};
use std::time::Duration;

use async_with::{AsyncContextManager, Interrupt, Outcome, Suppress, async_with, settle};
use scopeguard::defer;
use tokio::time::{Instant, sleep, sleep_until};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, yield_once};

/// Stops its body when a gate is opened.
struct Stopping {
    traced: Traced,
    stop: Gate,
    error: &'static str,
}

impl Stopping {
    fn new(traced: Traced, stop: &Gate, error: &'static str) -> Self {
        Self { traced, stop: stop.clone(), error }
    }
}

impl AsyncContextManager for Stopping {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.traced.run_enter().await
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.traced.run_exit(outcome).await
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        let (stop, error) = (self.stop.clone(), self.error);
        Interrupt::when(async move {
            stop.passed().await;
            error
        })
    }
}

fn opened() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

#[tokio::test]
async fn an_interrupt_stops_the_body_at_its_await_and_its_error_is_the_value() {
    let (trace, stop) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Stopping::new(Traced::new("A", &trace), &stop, "stopped") => {
            trace.step("body").await;
            pending::<()>().await;
            trace.log("never here");
        })
    };
    let stopper = async {
        trace.reached("body").await;
        stop.open();
    };
    assert_eq!(tokio::join!(block, stopper).0, Err("stopped"));
    assert_eq!(trace.events(), ["enter A", "entered A", "body", "exit A: interrupted", "exited A"]);
}

#[tokio::test]
async fn the_code_after_the_block_goes_on() {
    async fn around(trace: &Trace) -> Result<u8, &'static str> {
        let stopped = async_with!(Stopping::new(Traced::new("A", trace), &opened(), "stopped") => {
            yield_once().await;
            return Ok(1);
        });
        let stopped: Result<(), &str> = stopped;
        assert_eq!(stopped, Err("stopped"));
        Ok(2)
    }

    assert_eq!(around(&Trace::new()).await, Ok(2));
}

#[tokio::test]
async fn a_body_that_is_ready_is_not_interrupted() {
    let trace = Trace::new();
    let block = async_with!(Stopping::new(Traced::new("A", &trace), &opened(), "stopped") => { 5 });
    assert_eq!(block, Ok(5));
    assert!(trace.has("exit A: completed"));
    let block: Result<(), _> = async {
        async_with!(Stopping::new(Traced::new("B", &trace), &opened(), "stopped") => { return Ok(()) })
    }
    .await;
    assert_eq!(block, Ok(()));
    assert!(trace.has("exit B: returned"));
}

#[tokio::test]
async fn the_body_is_polled_before_the_interrupt() {
    let (trace, stop) = (Trace::new(), Gate::new());
    let block = async_with!(Stopping::new(Traced::new("A", &trace), &stop, "stopped") => {
        yield_once().await;
        // The interrupt is due from here on, but the body does not suspend again.
        stop.open();
        "done"
    });
    assert_eq!(block, Ok("done"));
    let stopped = async_with!(Stopping::new(Traced::new("B", &trace), &opened(), "stopped") => { trace.step("body").await; });
    assert_eq!(stopped, Err("stopped"));
    assert!(trace.has("body"), "the body got one poll although the interrupt was due from the start");
}

#[tokio::test]
async fn locals_of_the_body_are_dropped_before_the_exit() {
    let trace = Trace::new();
    let block = async_with!(Stopping::new(Traced::new("A", &trace), &opened(), "stopped") => {
        defer! { trace.log("first local dropped") }
        defer! { trace.log("second local dropped") }
        pending::<()>().await;
    });
    assert_eq!(block, Err("stopped"));
    assert_eq!(
        trace.events()[2..],
        ["second local dropped", "first local dropped", "exit A: interrupted", "exited A"]
    );
}

#[tokio::test]
async fn when_the_exit_fails_too_the_interrupts_error_wins_and_the_exits_is_lost() {
    let (trace, losses) = (Trace::new(), losses());
    let traced = Traced::new("A", &trace).exit_fails("failed after an interrupt");
    let line = line!() + 1;
    let block = async_with!(Stopping::new(traced, &opened(), "stopped") => { pending::<()>().await });
    assert_eq!(block, Err("stopped"));
    let lost = losses.of("failed after an interrupt");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].manager.ends_with("::Stopping"), "{lost:?}");
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Interrupted));
}

#[tokio::test]
async fn an_interrupt_does_not_outlive_its_body() {
    let (trace, stop, exit) = (Trace::new(), Gate::new(), Gate::new());
    let traced = Traced::new("A", &trace).exit_waits(&exit);
    let block = async { async_with!(Stopping::new(traced, &stop, "stopped") => { "done" }) };
    let stopper = async {
        trace.reached("exit A: completed").await;
        stop.open();
        yield_once().await;
        exit.open();
    };
    assert_eq!(tokio::join!(block, stopper).0, Ok("done"), "it stops the body, not the exit");
    assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"]);
}

#[tokio::test]
async fn an_interrupted_block_that_is_cut_in_its_exit_ends_it_detached() {
    let (trace, exit) = (Trace::new(), Gate::new());
    let traced = Traced::new("A", &trace).exit_waits(&exit);
    let block =
        async { async_with!(Stopping::new(traced, &opened(), "stopped") => { pending::<()>().await }) };
    cut_at(block, &trace, "exit A: interrupted").await;
    exit.open();
    settle().await;
    assert_eq!(trace.events()[2..], ["exit A: interrupted", "exited A"]);
}

// Several.

#[tokio::test]
async fn an_outer_interrupt_cuts_the_inner_block_and_waits_for_its_exit() {
    let (trace, stop, exit) = (Trace::new(), Gate::new(), Gate::new());
    let inner = Traced::new("B", &trace).exit_waits(&exit);
    let blocks = async {
        async_with!(Stopping::new(Traced::new("A", &trace), &stop, "stopped outside") => {
            async_with!(inner => {
                trace.step("body").await;
                pending::<()>().await;
            })
        })
    };
    let stopper = async {
        trace.reached("body").await;
        stop.open();
        trace.reached("exit B: cancelled").await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert!(!trace.has("exit A: interrupted"), "it waits for the inner exit");
        exit.open();
    };
    assert_eq!(tokio::join!(blocks, stopper).0, Err("stopped outside"));
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: interrupted", "exited A"]);
}

#[tokio::test]
async fn an_outer_interrupt_cuts_the_inner_exit_and_waits_for_it() {
    let (trace, stop, exit) = (Trace::new(), Gate::new(), Gate::new());
    let inner = Traced::new("B", &trace).exit_waits(&exit);
    let blocks =
        async { async_with!(Stopping::new(Traced::new("A", &trace), &stop, "stopped outside"), inner => {}) };
    let stopper = async {
        trace.reached("exit B: completed").await;
        stop.open();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert!(!trace.has("exit A: interrupted"), "it waits for the inner exit");
        exit.open();
    };
    assert_eq!(tokio::join!(blocks, stopper).0, Err("stopped outside"));
    assert_eq!(trace.events()[4..], ["exit B: completed", "exited B", "exit A: interrupted", "exited A"]);
}

#[tokio::test]
async fn an_inner_interrupt_is_a_value_to_the_outer_body() {
    let trace = Trace::new();
    let blocks = async_with!(Stopping::new(Traced::new("A", &trace), &Gate::new(), "outer") => {
        let inner = async_with!(Stopping::new(Traced::new("B", &trace), &opened(), "inner") => { pending::<()>().await });
        assert_eq!(inner, Err("inner"));
        "the outer body goes on"
    });
    assert_eq!(blocks, Ok("the outer body goes on"));
    assert_eq!(trace.events()[4..], ["exit B: interrupted", "exited B", "exit A: completed", "exited A"]);
}

// CPython's `test_nested_timeouts`, where only the outermost reports: here the body, and so the inner interrupt, is
// polled before the outer one. The inner exit suspends, and the outer interrupt cuts it.
#[tokio::test]
async fn of_two_interrupts_that_are_due_the_inner_is_told_and_the_outer_is_the_value() {
    let trace = Trace::new();
    let due = opened();
    let blocks = async {
        async_with!(
            Stopping::new(Traced::new("A", &trace), &due, "outer"),
            Stopping::new(Traced::new("B", &trace), &Gate::new(), "inner") => { pending::<()>().await }
        )
    };
    // The outer one is due while the inner item is still being entered.
    assert_eq!(blocks.await, Err("outer"));
    settle().await;
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "enter B dropped", "exit A: interrupted", "exited A"]
    );

    let (trace, due) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(
            Stopping::new(Traced::new("A", &trace), &due, "outer"),
            Stopping::new(Traced::new("B", &trace), &due, "inner") => {
                due.open();
                pending::<()>().await;
            }
        )
    };
    assert_eq!(blocks.await, Err("outer"));
    assert_eq!(
        trace.events()[4..],
        ["exit B: interrupted", "exited B", "exit A: interrupted", "exited A"],
        "the inner exit ran on to its end before the outer one"
    );
}

#[tokio::test]
async fn an_inner_item_that_is_interrupted_fails_the_outer_one() {
    let trace = Trace::new();
    let block = async_with!(
        Traced::new("A", &trace),
        Stopping::new(Traced::new("B", &trace), &opened(), "inner") => { pending::<()>().await }
    );
    assert_eq!(block, Err("inner"));
    assert_eq!(trace.events()[4..], ["exit B: interrupted", "exited B", "exit A: failed", "exited A"]);
}

// Other protocols.

struct LocalStopping<'a>(&'a Trace);

impl async_with::LocalAsyncContextManager for LocalStopping<'_> {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.log(outcome.to_string());
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        Interrupt::when(ready("stopped by a local manager"))
    }

    fn abandon(self, _value: ()) {
        self.0.log("abandon");
    }
}

#[tokio::test]
async fn a_local_manager_is_exited_and_not_abandoned_after_its_interrupt() {
    let trace = Trace::new();
    let block = async_with!(LocalStopping(&trace) => { pending::<()>().await });
    assert_eq!(block, Err("stopped by a local manager"));
    assert_eq!(trace.events(), ["interrupted"]);
}

/// A `Stopping` that swallows its own interrupts.
struct Swallowing(Stopping);

impl AsyncContextManager for Swallowing {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.enter().await
    }

    async fn exit(self, value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.exit(value, outcome).await
    }

    fn interrupt(&self, value: &()) -> Interrupt<&'static str> {
        self.0.interrupt(value)
    }
}

impl Suppress for Swallowing {
    fn suppress(&mut self, _value: &mut (), outcome: Outcome) -> bool {
        outcome == Outcome::Interrupted
    }
}

#[tokio::test]
async fn a_manager_that_suppresses_may_swallow_its_interrupt() {
    let trace = Trace::new();
    let swallowing =
        |name, stop: &Gate| Swallowing(Stopping::new(Traced::new(name, &trace), stop, "stopped"));
    let swallowed = async_with!(swallowing("A", &opened()) => {
        pending::<()>().await;
        5
    });
    assert_eq!(swallowed, Ok(None));
    assert!(trace.has("exit A: interrupted"));
    let not_stopped = async_with!(swallowing("B", &Gate::new()) => { 5 });
    assert_eq!(not_stopped, Ok(Some(5)));
}

#[tokio::test]
async fn an_exit_that_fails_after_a_swallowed_interrupt_is_the_blocks_error() {
    let (trace, losses) = (Trace::new(), losses());
    let traced = Traced::new("A", &trace).exit_fails("failed after a swallowed interrupt");
    let block =
        async_with!(Swallowing(Stopping::new(traced, &opened(), "stopped")) => { pending::<()>().await });
    assert_eq!(block, Err("failed after a swallowed interrupt"));
    assert!(losses.of("failed after a swallowed interrupt").is_empty());
}

// A timeout, written by hand.

#[derive(Debug, PartialEq)]
struct Elapsed;

struct Timeout(Duration);

impl AsyncContextManager for Timeout {
    type Value = Instant;
    type Error = Elapsed;

    async fn enter(&mut self) -> Result<Instant, Elapsed> {
        Ok(Instant::now() + self.0)
    }

    async fn exit(self, _deadline: Instant, _outcome: Outcome) -> Result<(), Elapsed> {
        Ok(())
    }

    fn interrupt(&self, deadline: &Instant) -> Interrupt<Elapsed> {
        let deadline = *deadline;
        Interrupt::when(async move {
            sleep_until(deadline).await;
            Elapsed
        })
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// CPython's `test_timeout_basic`.
#[tokio::test(start_paused = true)]
async fn a_timeout_stops_a_body_that_takes_too_long() {
    let start = Instant::now();
    assert_eq!(async_with!(Timeout(seconds(5)) => { sleep(seconds(60)).await }), Err(Elapsed));
    assert_eq!(start.elapsed().as_secs(), 5);
}

// CPython's `test_timeout_not_called`.
#[tokio::test(start_paused = true)]
async fn a_timeout_lets_a_body_in_time_alone() {
    let start = Instant::now();
    let value = async_with!(Timeout(seconds(5)) as deadline => {
        sleep(seconds(4)).await;
        *deadline - start
    });
    assert_eq!(value, Ok(seconds(5)));
    assert_eq!(start.elapsed().as_secs(), 4);
}

// CPython's `test_timeout_zero`.
#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_stops_the_body_at_its_first_await() {
    let trace = Trace::new();
    let value = async_with!(Timeout(Duration::ZERO) => {
        trace.step("first").await;
        sleep(seconds(1)).await;
        trace.log("second");
    });
    assert_eq!(value, Err(Elapsed));
    assert_eq!(trace.events(), ["first"]);
}

// CPython's `test_nested_timeouts_concurrent` and `test_nested_timeouts`: whichever comes first reports.
#[tokio::test(start_paused = true)]
async fn of_nested_timeouts_the_first_to_come_reports() {
    let outer_first = async_with!(Timeout(seconds(1)) => {
        async_with!(Timeout(seconds(2)) => { sleep(seconds(60)).await })
    });
    assert_eq!(outer_first, Err(Elapsed));
    let inner_first = async_with!(Timeout(seconds(2)) => {
        async_with!(Timeout(seconds(1)) => { sleep(seconds(60)).await })
    });
    assert_eq!(inner_first, Ok(Err(Elapsed)));
}

// CPython's `test_foreign_exception_passed`.
#[tokio::test(start_paused = true)]
async fn a_timeout_lets_a_failure_of_the_body_pass() {
    let value = async_with!(Timeout(seconds(1)) => { Err::<(), _>("the body's own") });
    assert_eq!(value, Ok(Err("the body's own")));
}

// CPython's `test_nested_timeout_in_finally`: a timeout works inside the exit of an interrupted block.
#[tokio::test(start_paused = true)]
async fn a_timeout_works_inside_the_exit_of_an_interrupted_block() {
    struct SlowExit(Trace);

    impl AsyncContextManager for SlowExit {
        type Value = ();
        type Error = Elapsed;

        async fn enter(&mut self) -> Result<(), Elapsed> {
            Ok(())
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Elapsed> {
            self.0.log(outcome.to_string());
            async_with!(Timeout(seconds(1)) => { sleep(seconds(60)).await })
        }

        fn interrupt(&self, _value: &()) -> Interrupt<Elapsed> {
            Interrupt::never()
        }
    }

    let (trace, start) = (Trace::new(), Instant::now());
    let outer = async_with!(Timeout(seconds(1)), SlowExit(trace.clone()) => { sleep(seconds(60)).await });
    assert_eq!(outer, Err(Elapsed));
    assert_eq!(trace.events(), ["cancelled"]);
    assert_eq!(
        start.elapsed().as_secs(),
        2,
        "the outer exit waited for the inner, which its own timeout ended"
    );
}

/// Its interrupt never comes, and panics when it is dropped.
struct ExplosiveInterrupt(Trace);

impl AsyncContextManager for ExplosiveInterrupt {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.step(&format!("exit: {outcome}")).await;
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        let bomb = scopeguard::guard((), |()| std::panic::panic_any("the interrupt exploded"));
        Interrupt::when(async move {
            let _bomb = bomb;
            std::future::pending().await
        })
    }
}

#[tokio::test]
async fn a_panic_in_the_drop_of_an_interrupt_is_one_of_the_body_unless_that_panicked_first() {
    use futures::FutureExt;

    for (body_panics, expected) in [(false, "the interrupt exploded"), (true, "the body exploded")] {
        let trace = Trace::new();
        let block = async {
            async_with!(ExplosiveInterrupt(trace.clone()) => {
                if body_panics {
                    std::panic::panic_any("the body exploded");
                }
            })
        };
        let payload = std::panic::AssertUnwindSafe(block).catch_unwind().await.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&expected));
        assert_eq!(trace.events(), ["exit: panicked"]);
    }
}
