//! Managers that stop their body, suppress or observe.

use std::error::Error;

use std::future::pending;

use async_with::scoped;

use crate::common::log::{Failure, Log, Recorder, Stopping, Suppressor, Watch};

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
