//! A manager that stops its own body.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod protocols;
mod several;
mod timeouts;

use std::future::pending;

use async_with::{AsyncContextManager, Interrupt, Outcome, async_with, settle};
use scopeguard::defer;

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
