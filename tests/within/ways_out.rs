//! Each way out exits once, and tells how.

use std::panic::AssertUnwindSafe;

use async_with::{Outcome, within};
use futures::FutureExt;

use crate::common::log::{Failure, Log, LostErrors, Recorder};

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
        |mark: &str| 1 + include_str!("ways_out.rs").lines().position(|line| line.contains(mark)).unwrap();
    assert_eq!(lost[0].line as usize, line("#[within(manager as a)]"));
    assert_eq!(lost[3].line as usize, line("// its line is looked for below"));
}
