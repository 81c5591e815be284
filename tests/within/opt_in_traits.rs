//! Managers that stop their body, suppress or observe.

use std::error::Error;

use std::future::pending;

use async_with::{AsyncContextManager, Interrupt, Outcome, Suppress, within};

use crate::common::log::{Failure, Log, Recorder, Stopping, Suppressor, Watch};

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
