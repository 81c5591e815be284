//! `#[within]`: the body of a function is the block, and what happens in it is what the function returns.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::error::Error;
use std::future::pending;
use std::panic::AssertUnwindSafe;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, Interrupt, ObserveError, Outcome, Suppress, settle, within,
};
use futures::FutureExt;

use crate::common::log::{Failure, Log, LostErrors, Recorder, Suppressor};
use crate::common::trace::{Gate, Trace, Traced, cut_at};

// The ways out.

#[within(manager as a)]
async fn leave(manager: Recorder<Failure>, log: &Log, how: &str) -> Result<u32, Failure> {
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
        log.expect(&["enter a", "body", &format!("exit a: {outcome}")]);
    }
}

#[tokio::test]
async fn a_panic_of_the_body_goes_on_after_the_exit() {
    let log = Log::default();
    let call = leave(log.unsure("a"), &log, "panic");
    let payload = AssertUnwindSafe(call).catch_unwind().await.unwrap_err();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "in the body");
    log.expect(&["enter a", "body", "exit a: panicked"]);
}

#[tokio::test]
async fn an_enter_that_fails_is_the_result() {
    let log = Log::default();
    let manager = log.unsure("a").enter_fails(Failure("enter"));
    assert_eq!(leave(manager, &log, "end").await, Err(Failure("enter")));
    log.expect(&["enter a"]);
}

#[tokio::test]
async fn an_exit_that_fails_after_a_success_is_the_result() {
    let log = Log::default();
    for (how, outcome) in [("end", "completed"), ("return", "returned")] {
        let manager = log.unsure("a").exit_fails(Failure("exit"));
        assert_eq!(leave(manager, &log, how).await, Err(Failure("exit")), "{how}");
        log.expect(&["enter a", "body", &format!("exit a: {outcome}")]);
    }
}

#[rustfmt::skip]
#[within(
    log.sure("a"),
    log.unsure("b").exit_fails(Failure("lost by an attribute")), // its line is looked for below
)]
async fn in_several_lines(log: &Log) -> Result<(), Failure> {
    let _ = log;
    Err(Failure("body"))
}

#[tokio::test]
async fn an_exit_that_fails_after_a_failure_is_lost_and_the_hook_is_told_where() {
    let lost = LostErrors::with("lost by an attribute");
    let log = Log::default();
    for (how, error) in [("err", "value"), ("?", "question mark"), ("return err", "returned")] {
        let manager = log.unsure("a").exit_fails(Failure("lost by an attribute"));
        assert_eq!(leave(manager, &log, how).await, Err(Failure(error)), "{how}");
    }
    assert_eq!(in_several_lines(&log).await, Err(Failure("body")));
    let lost = lost.all();
    assert_eq!(lost.len(), 4);
    assert!(lost.iter().all(|lost| lost.outcome == Outcome::Failed && lost.file == file!()));
    let line =
        |mark: &str| 1 + include_str!("within.rs").lines().position(|line| line.contains(mark)).unwrap();
    assert_eq!(lost[0].line as usize, line("#[within(manager as a)]"));
    assert_eq!(lost[3].line as usize, line("// its line is looked for below"));
}

#[within(manager)]
async fn endless(manager: Traced, trace: &Trace) -> Result<(), &'static str> {
    trace.step("body").await;
    pending().await
}

#[tokio::test]
async fn a_drop_during_the_body_detaches_the_exit() {
    let trace = Trace::new();
    cut_at(endless(Traced::new("A", &trace), &trace), &trace, "body").await;
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body", "exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn a_drop_during_enter_enters_nothing() {
    let trace = Trace::new();
    let manager = Traced::new("A", &trace).enter_waits(&Gate::new());
    cut_at(endless(manager, &trace), &trace, "enter A").await;
    settle().await;
    assert_eq!(trace.events(), ["enter A", "enter A dropped"]);
}

#[tokio::test]
async fn a_drop_during_the_exit_lets_it_run_on() {
    #[within(Traced::new("A", trace).exit_waits(gate))]
    async fn ends(trace: &Trace, gate: &Gate) -> Result<(), &'static str> {
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
    drop(endless(Traced::new("A", &trace), &trace));
    settle().await;
    assert!(trace.events().is_empty());
}

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
async fn the_interrupt_of_the_manager_is_the_result() {
    #[within(Stopping(log.clone()))]
    async fn stopped(log: &Log) -> Result<u32, Box<dyn Error>> {
        log.add("body");
        pending().await
    }
    let log = Log::default();
    assert_eq!(stopped(&log).await.unwrap_err().to_string(), "interrupted");
    log.expect(&["body", "exit: interrupted"]);
}

// What the errors become.

#[derive(Debug, PartialEq)]
enum Own {
    Failure(Failure),
    Text(&'static str),
    Number(u8),
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

#[tokio::test]
async fn the_error_of_each_item_converts_into_that_of_the_function() {
    #[within(first, second, third)]
    async fn three(
        first: Recorder<Failure>,
        second: Recorder<&'static str>,
        third: Recorder<Own>,
    ) -> Result<(), Own> {
        Ok(())
    }
    let log = Log::default();
    let (a, b, c) = (|| log.unsure("a"), || log.manager::<&str>("b"), || log.manager("c"));
    let failed = three(a().enter_fails(Failure("enter")), b(), c()).await;
    assert_eq!(failed, Err(Own::Failure(Failure("enter"))));
    assert_eq!(three(a(), b().enter_fails("enter"), c()).await, Err(Own::Text("enter")));
    assert_eq!(three(a(), b(), c().enter_fails(Own::Number(3))).await, Err(Own::Number(3)));
    assert_eq!(three(a(), b().exit_fails("exit"), c()).await, Err(Own::Text("exit")));
    assert_eq!(three(a(), b(), c()).await, Ok(()));
}

#[tokio::test]
async fn an_error_that_does_not_convert_by_itself_is_converted_by_the_manager() {
    #[within(manager.map_err(|failure| failure.0.len()) as a)]
    async fn mapped(manager: Recorder<Failure>) -> Result<u32, usize> {
        Ok(*a)
    }
    let log = Log::default();
    assert_eq!(mapped(log.unsure("a").enter_fails(Failure("four"))).await, Err(4));
    assert_eq!(mapped(log.unsure("a").value(7)).await, Ok(7));
}

#[tokio::test]
async fn a_manager_that_cannot_fail_needs_no_result() {
    #[within(log.sure("a").value(2) as a, log.sure("b").value(3) as b)]
    async fn product(log: &Log, early: bool) -> u32 {
        if early {
            return 0;
        }
        log.add("body");
        *a * *b
    }
    #[within(log.sure("a"))]
    async fn unit(log: &Log) {
        log.add("body");
    }
    let log = Log::default();
    assert_eq!(product(&log, false).await, 6);
    log.expect(&["enter a", "enter b", "body", "exit b: completed", "exit a: completed"]);
    assert_eq!(product(&log, true).await, 0);
    log.expect(&["enter a", "enter b", "exit b: returned", "exit a: returned"]);
    unit(&log).await;
    log.expect(&["enter a", "body", "exit a: completed"]);
}

#[tokio::test]
async fn none_is_not_a_failure() {
    #[within(log.sure("a"))]
    async fn first(log: &Log, number: Option<u8>) -> Option<u8> {
        let _ = log;
        Some(number? + 1)
    }
    let log = Log::default();
    assert_eq!(first(&log, None).await, None);
    log.expect(&["enter a", "exit a: returned"]);
    assert_eq!(first(&log, Some(1)).await, Some(2));
    log.expect(&["enter a", "exit a: completed"]);
}

// Several items.

async fn parsed(text: &str) -> Result<u32, std::num::ParseIntError> {
    tokio::task::yield_now().await;
    text.parse()
}

#[within(log.unsure("a").value(1) as a, log.unsure("b").value(*a + parsed(text).await?) as mut b, log.sure("c"),)]
async fn several(log: &Log, text: &str) -> Result<u32, Box<dyn Error>> {
    if *b > 10 {
        b = a;
    }
    *b += 1;
    Ok(*b)
}

#[tokio::test]
async fn items_are_entered_left_to_right_and_exited_in_reverse() {
    let log = Log::default();
    assert_eq!(several(&log, "5").await.unwrap(), 7);
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
    assert_eq!(several(&log, "50").await.unwrap(), 2);
}

#[tokio::test]
async fn an_expression_that_leaves_the_function_exits_the_items_before_it() {
    let log = Log::default();
    assert!(several(&log, "five").await.is_err());
    log.expect(&["enter a", "exit a: failed"]);
}

#[within(first, second)]
async fn both(
    first: Recorder<Failure>,
    second: Recorder<Failure>,
    result: Result<u8, Failure>,
) -> Result<u8, Failure> {
    result
}

#[tokio::test]
async fn a_later_item_that_fails_is_a_failure_to_those_before_it() {
    let log = Log::default();
    let second = log.unsure("b").enter_fails(Failure("enter"));
    assert_eq!(both(log.unsure("a"), second, Ok(1)).await, Err(Failure("enter")));
    log.expect(&["enter a", "enter b", "exit a: failed"]);
    let second = log.unsure("b").exit_fails(Failure("exit"));
    assert_eq!(both(log.unsure("a"), second, Ok(1)).await, Err(Failure("exit")));
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: failed"]);
    let first = log.unsure("a").exit_fails(Failure("outer exit"));
    assert_eq!(both(first, log.unsure("b"), Ok(1)).await, Err(Failure("outer exit")));
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
}

#[tokio::test]
async fn one_attribute_above_another_is_the_outer_one() {
    #[within(log.sure("a").value(1) as a)]
    #[expect(clippy::allow_attributes_without_reason, reason = "an attribute in between")]
    #[allow(dead_code)]
    #[async_with::within(log.sure("b").value(*a + 1) as b, log.sure("c"))]
    async fn stacked(log: &Log) -> u32 {
        let _ = log;
        *a + *b
    }
    let log = Log::default();
    assert_eq!(stacked(&log).await, 3);
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
}

// Managers that suppress or observe.

#[within(Suppressor(log.unsure("a"), swallow))]
async fn nothing_but_success(log: &Log, swallow: bool, fail: bool) -> Result<(), Failure> {
    if fail {
        return Err(Failure("body"));
    }
    log.add("success");
    Ok(())
}

#[tokio::test]
async fn a_failure_that_is_swallowed_leaves_nothing() {
    let log = Log::default();
    assert_eq!(nothing_but_success(&log, true, true).await, Ok(()));
    log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
    assert_eq!(nothing_but_success(&log, false, true).await, Err(Failure("body")));
    log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
    assert_eq!(nothing_but_success(&log, true, false).await, Ok(()));
    log.expect(&["enter a", "success", "exit a: completed"]);
}

#[tokio::test]
async fn a_function_whose_failure_may_be_swallowed_can_return_an_option() {
    #[within(log.sure("outer"), Suppressor(log.unsure("a"), true) as a)]
    async fn found(log: &Log, text: &str) -> Result<Option<u32>, Box<dyn Error>> {
        let _ = log;
        Ok(Some(text.parse::<u32>()? + *a))
    }
    let log = Log::default();
    assert_eq!(found(&log, "1").await.unwrap(), Some(1));
    log.expect(&["enter outer", "enter a", "exit a: completed", "exit outer: completed"]);
    assert_eq!(found(&log, "one").await.unwrap(), None);
    log.expect(&["enter outer", "enter a", "ask a: failed", "exit a: failed", "exit outer: completed"]);
}

/// Stops its body at once, and swallows that.
struct Skipping(Stopping);

impl AsyncContextManager for Skipping {
    type Value = ();
    type Error = Failure;

    async fn enter(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn exit(self, value: (), outcome: Outcome) -> Result<(), Failure> {
        AsyncContextManager::exit(self.0, value, outcome).await
    }

    fn interrupt(&self, value: &()) -> Interrupt<Failure> {
        AsyncContextManager::interrupt(&self.0, value)
    }
}

impl Suppress for Skipping {
    fn suppress(&mut self, _value: &mut (), outcome: Outcome) -> bool {
        outcome == Outcome::Interrupted
    }
}

#[tokio::test]
async fn an_interrupt_that_is_swallowed_leaves_nothing() {
    #[within(Skipping(Stopping(log.clone())))]
    async fn endless(log: &Log) -> Result<(), Failure> {
        log.add("body");
        pending().await
    }
    let log = Log::default();
    assert_eq!(endless(&log).await, Ok(()));
    log.expect(&["body", "exit: interrupted"]);
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
    #[within(Watch(manager_log), manager)]
    async fn watched(manager_log: Log, manager: Recorder<Failure>, how: &str) -> Result<(), Failure> {
        match how {
            "?" => Err(Failure("question mark"))?,
            "return" => return Err(Failure("returned")),
            "value" => Err(Failure("value")),
            _ => Ok(()),
        }
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

// As in Python.

// CPython: test_contextlib_async.AsyncContextManagerTestCase.test_recursive.
#[tokio::test]
async fn each_call_enters_a_manager_of_its_own() {
    #[within(log.sure("a").value(depth) as entered)]
    async fn recursive(log: &Log, depth: u32) -> u32 {
        assert_eq!(*entered, depth);
        if depth < 9 { Box::pin(recursive(log, depth + 1)).await + 1 } else { 1 }
    }
    let log = Log::default();
    assert_eq!(recursive(&log, 0).await, 10);
    let lines = [["enter a"; 10], ["exit a: completed"; 10]].concat();
    log.expect(&lines);
}

// CPython: test_contextlib.TestContextDecorator.test_decorator.
#[tokio::test]
async fn the_body_runs_between_enter_and_exit_each_time() {
    #[within(log.sure("a") as _)]
    async fn test(log: &Log) -> bool {
        assert!(log.has("enter a"));
        log.has("exit a: completed")
    }
    let log = Log::default();
    assert!(!test(&log).await);
    log.expect(&["enter a", "exit a: completed"]);
    assert!(!test(&log).await);
    log.expect(&["enter a", "exit a: completed"]);
}

// CPython: test_contextlib.TestContextDecorator.test_decorator_with_exception.
#[tokio::test]
async fn the_error_of_the_body_is_the_result_and_the_exit_is_told() {
    #[within(log.sure("a"))]
    async fn test(log: &Log) -> Result<(), Failure> {
        assert!(log.has("enter a"));
        Err(Failure("whee"))
    }
    let log = Log::default();
    assert_eq!(test(&log).await, Err(Failure("whee")));
    log.expect(&["enter a", "exit a: failed"]);
}

// CPython: test_contextlib.TestContextDecorator.test_decorating_method.
#[tokio::test]
async fn a_method_can_be_the_block() {
    #[derive(Default)]
    struct Test(Log, Option<(u8, u8)>);

    impl Test {
        #[within(self.0.sure("a"))]
        async fn method(&mut self, a: u8, b: u8) {
            self.1 = Some((a, b));
        }
    }
    let mut test = Test::default();
    test.method(1, 2).await;
    assert_eq!(test.1, Some((1, 2)));
    test.0.expect(&["enter a", "exit a: completed"]);
}
