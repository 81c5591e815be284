//! `#[scoped]`: `#[enter] let` makes the rest of its block the body, and what happens in it leaves as it would without.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::error::Error;
use std::future::pending;
use std::panic::AssertUnwindSafe;

use async_with::{AsyncContextManager, Interrupt, ObserveError, Outcome, scoped, settle};
use futures::FutureExt;

use crate::common::log::{Failure, Log, LostErrors, Recorder, Suppressor};
use crate::common::trace::{Gate, Trace, Traced, cut_at};

// The ways out.

#[scoped]
async fn leave(manager: Recorder<Failure>, log: &Log, how: &str) -> Result<u32, Failure> {
    log.add("before");
    #[enter]
    let a = manager;
    log.add("body");
    for turn in 0..3 {
        match how {
            "?" => Err(Failure("question mark"))?,
            "return" => return Ok(*a + turn),
            "return err" => return Err(Failure("returned")),
            "panic" => panic!("in the body"),
            "break" => break,
            "continue" => continue,
            _ => {}
        }
        *a += 1;
    }
    *a += 10;
    if how == "err" { Err(Failure("value")) } else { Ok(*a) }
}

#[tokio::test]
async fn each_way_out_exits_once_and_tells_how() {
    let log = Log::default();
    for (how, result, outcome) in [
        ("end", Ok(14), "completed"),
        ("break", Ok(11), "completed"),
        ("continue", Ok(11), "completed"),
        ("err", Err(Failure("value")), "failed"),
        ("?", Err(Failure("question mark")), "failed"),
        ("return", Ok(1), "returned"),
        ("return err", Err(Failure("returned")), "failed"),
    ] {
        assert_eq!(leave(log.unsure("a").value(1), &log, how).await, result, "{how}");
        log.expect(&["before", "enter a", "body", &format!("exit a: {outcome}")]);
    }
}

#[tokio::test]
async fn a_panic_of_the_body_goes_on_after_the_exit() {
    let log = Log::default();
    let call = leave(log.unsure("a"), &log, "panic");
    let payload = AssertUnwindSafe(call).catch_unwind().await.unwrap_err();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "in the body");
    log.expect(&["before", "enter a", "body", "exit a: panicked"]);
}

#[tokio::test]
async fn an_enter_that_fails_is_the_result() {
    let log = Log::default();
    let manager = log.unsure("a").enter_fails(Failure("enter"));
    assert_eq!(leave(manager, &log, "end").await, Err(Failure("enter")));
    log.expect(&["before", "enter a"]);
}

#[tokio::test]
async fn an_exit_that_fails_after_a_success_is_the_result() {
    let log = Log::default();
    for (how, outcome) in [("end", "completed"), ("return", "returned")] {
        let manager = log.unsure("a").exit_fails(Failure("exit"));
        assert_eq!(leave(manager, &log, how).await, Err(Failure("exit")), "{how}");
        log.expect(&["before", "enter a", "body", &format!("exit a: {outcome}")]);
    }
}

#[tokio::test]
async fn an_exit_that_fails_after_a_failure_is_lost_and_the_hook_is_told_where() {
    let lost = LostErrors::with("lost by a rest of a block");
    let log = Log::default();
    for (how, error) in [("err", "value"), ("?", "question mark"), ("return err", "returned")] {
        let manager = log.unsure("a").exit_fails(Failure("lost by a rest of a block"));
        assert_eq!(leave(manager, &log, how).await, Err(Failure(error)), "{how}");
    }
    let lost = lost.all();
    assert_eq!(lost.len(), 3);
    assert!(lost.iter().all(|lost| lost.outcome == Outcome::Failed && lost.file == file!()));
    let is_there = |line: &str| line == "    let a = manager;";
    let line = 1 + include_str!("scoped.rs").lines().position(is_there).unwrap();
    assert!(lost.iter().all(|lost| lost.line as usize == line), "{:?}", lost[0]);
}

// Cancellation.

#[scoped]
async fn endless(outer: Traced, inner: Traced, trace: &Trace) -> Result<(), &'static str> {
    #[enter]
    let () = outer;
    {
        #[enter]
        let () = inner;
        trace.step("body").await;
        pending::<()>().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_drop_during_the_body_detaches_the_exits_in_order() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let (outer, inner) = (Traced::new("A", &trace), Traced::new("B", &trace).exit_waits(&gate));
    cut_at(endless(outer, inner, &trace), &trace, "body").await;
    trace.reached("exit B: cancelled").await;
    gate.open();
    settle().await;
    assert_eq!(
        trace.events()[4..],
        ["body", "exit B: cancelled", "exited B", "exit A: cancelled", "exited A"]
    );
}

#[tokio::test]
async fn a_drop_during_enter_enters_nothing() {
    let trace = Trace::new();
    let (outer, inner) = (Traced::new("A", &trace), Traced::new("B", &trace).enter_waits(&Gate::new()));
    cut_at(endless(outer, inner, &trace), &trace, "enter B").await;
    settle().await;
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "enter B dropped", "exit A: cancelled", "exited A"]
    );
}

#[tokio::test]
async fn a_drop_during_the_exit_lets_it_run_on() {
    #[scoped]
    async fn ends(trace: &Trace, gate: &Gate) -> Result<(), &'static str> {
        #[enter]
        let () = Traced::new("A", trace).exit_waits(gate);
        trace.step("body").await;
        Ok(())
    }
    let (trace, gate) = (Trace::new(), Gate::new());
    cut_at(ends(&trace, &gate), &trace, "exit A: completed").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body", "exit A: completed", "exited A"]);
}

#[tokio::test]
async fn a_future_that_is_never_polled_does_nothing() {
    let trace = Trace::new();
    drop(endless(Traced::new("A", &trace), Traced::new("B", &trace), &trace));
    settle().await;
    assert!(trace.events().is_empty());
}

// What the errors become.

#[derive(Debug, PartialEq)]
enum Own {
    Failure(Failure),
    Text(&'static str),
}

impl From<Failure> for Own {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<&'static str> for Own {
    fn from(text: &'static str) -> Self {
        Self::Text(text)
    }
}

#[scoped]
async fn two(first: Recorder<Failure>, second: Recorder<&'static str>, log: &Log) -> Result<u32, Own> {
    #[enter]
    let a = first;
    let in_a_block = {
        #[enter]
        let b = second;
        log.add("in the block");
        *a + *b
    };
    log.add("after the block");
    Ok(in_a_block)
}

#[tokio::test]
async fn the_errors_convert_into_that_of_the_function_and_leave_it() {
    let log = Log::default();
    let (a, b) = (|| log.unsure("a").value(1), || log.manager::<&str>("b").value(2));
    assert_eq!(two(a(), b(), &log).await, Ok(3));
    log.expect(&[
        "enter a",
        "enter b",
        "in the block",
        "exit b: completed",
        "after the block",
        "exit a: completed",
    ]);
    assert_eq!(two(a(), b().enter_fails("enter"), &log).await, Err(Own::Text("enter")));
    log.expect(&["enter a", "enter b", "exit a: failed"]);
    assert_eq!(two(a(), b().exit_fails("exit"), &log).await, Err(Own::Text("exit")));
    log.expect(&["enter a", "enter b", "in the block", "exit b: completed", "exit a: failed"]);
    assert_eq!(two(a().exit_fails(Failure("outer")), b(), &log).await, Err(Own::Failure(Failure("outer"))));
}

#[tokio::test]
async fn a_manager_that_cannot_fail_needs_no_result() {
    #[scoped]
    async fn sum(log: &Log, early: bool) -> u32 {
        #[enter]
        let a = log.sure("a").value(2);
        let more = {
            #[enter]
            let b = log.sure("b").value(3);
            if early {
                return 0;
            }
            *b
        };
        *a + more
    }
    #[scoped]
    async fn unit(log: &Log) {
        #[enter]
        let _ = log.sure("a");
        log.add("body");
    }
    let log = Log::default();
    assert_eq!(sum(&log, false).await, 5);
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
    assert_eq!(sum(&log, true).await, 0);
    log.expect(&["enter a", "enter b", "exit b: returned", "exit a: returned"]);
    unit(&log).await;
    log.expect(&["enter a", "body", "exit a: completed"]);
}

#[tokio::test]
async fn none_is_not_a_failure() {
    #[scoped]
    async fn first(log: &Log, number: Option<u8>) -> Option<u8> {
        #[enter]
        let _ = log.sure("a");
        Some(number? + 1)
    }
    let log = Log::default();
    assert_eq!(first(&log, None).await, None);
    log.expect(&["enter a", "exit a: returned"]);
    assert_eq!(first(&log, Some(1)).await, Some(2));
    log.expect(&["enter a", "exit a: completed"]);
}

// Managers that stop their body, suppress or observe.

/// Stops its body at once.
struct Stopping(Log);

impl AsyncContextManager for Stopping {
    type Value = ();
    type Error = Failure;

    async fn enter(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Failure> {
        self.0.add(format!("exit: {outcome}"));
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<Failure> {
        Interrupt::when(async { Failure("interrupted") })
    }
}

#[tokio::test]
async fn the_interrupt_of_a_manager_leaves_the_function() {
    #[scoped]
    async fn stopped(log: &Log) -> Result<u32, Box<dyn Error>> {
        loop {
            #[enter]
            let () = Stopping(log.clone());
            log.add("body");
            pending::<()>().await;
        }
    }
    let log = Log::default();
    assert_eq!(stopped(&log).await.unwrap_err().to_string(), "interrupted");
    log.expect(&["body", "exit: interrupted"]);
}

#[tokio::test]
async fn a_block_whose_failure_is_swallowed_gives_nothing_and_the_function_goes_on() {
    #[scoped]
    async fn tries(log: &Log, swallow: bool) -> Result<Option<u32>, Failure> {
        for _ in 0..2 {
            #[enter]
            let _ = Suppressor(log.unsure("a"), swallow);
            Err(Failure("body"))?;
            log.add("unreached");
        }
        let found: Option<u32> = {
            #[enter]
            let _ = Suppressor(log.unsure("b"), swallow);
            Some(if swallow { Err(Failure("body"))? } else { 1 })
        };
        log.add("after");
        Ok(found)
    }
    let log = Log::default();
    assert_eq!(tries(&log, true).await, Ok(None));
    let one = |name| [format!("enter {name}"), format!("ask {name}: failed"), format!("exit {name}: failed")];
    let lines = [one("a"), one("a"), one("b")].concat();
    let lines: Vec<_> = lines.iter().map(String::as_str).chain(["after"]).collect();
    log.expect(&lines);
    assert_eq!(tries(&log, false).await, Err(Failure("body")));
    log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
}

#[tokio::test]
async fn a_function_whose_failure_is_swallowed_returns_nothing() {
    #[scoped]
    async fn nothing(log: &Log) -> Result<(), Failure> {
        #[enter]
        let _ = Suppressor(log.unsure("a"), true);
        Err(Failure("body"))
    }
    let log = Log::default();
    assert_eq!(nothing(&log).await, Ok(()));
    log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
}

/// Writes down the errors it observes.
struct Watch(Log);

impl AsyncContextManager for Watch {
    type Value = ();
    type Error = std::convert::Infallible;

    async fn enter(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Self::Error> {
        self.0.add(format!("exit: {outcome}"));
        Ok(())
    }
}

impl ObserveError for Watch {
    fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
        assert!(error.is::<Failure>());
        self.0.add(format!("observe: {error}"));
    }
}

#[tokio::test]
async fn each_err_that_leaves_the_function_is_observed_once() {
    #[scoped]
    async fn watched(log: Log, manager: Recorder<Failure>, how: &str) -> Result<(), Failure> {
        #[enter]
        let () = Watch(log);
        if how == "?" {
            Err(Failure("question mark"))?;
        }
        {
            #[enter]
            let _ = manager;
            if how == "return" {
                return Err(Failure("returned"));
            }
        }
        if how == "value" { Err(Failure("value")) } else { Ok(()) }
    }
    let log = Log::default();
    let manager = || Log::default().unsure("inner");
    for (how, error) in [("?", "question mark"), ("return", "returned"), ("value", "value")] {
        assert_eq!(watched(log.clone(), manager(), how).await, Err(Failure(error)));
        log.expect(&[&format!("observe: {error}"), "exit: failed"]);
    }
    assert!(watched(log.clone(), manager().enter_fails(Failure("enter")), "end").await.is_err());
    log.expect(&["observe: enter", "exit: failed"]);
    assert!(watched(log.clone(), manager().exit_fails(Failure("exit")), "end").await.is_err());
    log.expect(&["observe: exit", "exit: failed"]);
    assert!(watched(log.clone(), manager(), "end").await.is_ok());
    log.expect(&["exit: completed"]);
}
