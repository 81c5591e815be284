//! `Suppress`: a manager swallows the failure of its body, which then shows in the type of the block.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::{pending, ready};

use async_with::{AsyncContextManager, Interrupt, Outcome, Suppress, async_with};

use crate::common::log::{Failure, Log, LostErrors, Suppressor};

async fn leave(log: &Log, how: &str, swallow: bool) -> Result<Option<u32>, Failure> {
    let mut value = None;
    for _ in 0..1 {
        value = async_with!(Suppressor(log.sure("a").value(3), swallow) as a => {
            match how {
                "?" => Err(Failure("question mark"))?,
                "return err" => return Err(Failure("returned")),
                "return" => return Ok(Some(0)),
                "break" => break,
                "continue" => continue,
                _ => {}
            }
            *a
        });
        log.add("after");
        break;
    }
    Ok(value)
}

mod asked {
    use super::{Failure, Infallible, Log, Suppressor, async_with, leave};

    // CPython: test_coroutines.test_with_12, test_with.ExitSwallowsException.testExitTrueSwallowsException.
    #[tokio::test]
    async fn a_failure_that_is_swallowed_is_none_and_the_code_after_the_block_goes_on() {
        let log = Log::default();
        for how in ["?", "return err"] {
            assert_eq!(leave(&log, how, true).await, Ok(None));
            log.expect(&["enter a", "ask a: failed", "exit a: failed", "after"]);
        }
    }

    // CPython: ExitSwallowsException.testExitFalseDoesntSwallowException, test_coroutines.test_with_5.
    #[tokio::test]
    async fn a_failure_that_is_not_swallowed_leaves() {
        let log = Log::default();
        assert_eq!(leave(&log, "?", false).await, Err(Failure("question mark")));
        log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
        assert_eq!(leave(&log, "return err", false).await, Err(Failure("returned")));
        log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
    }

    #[tokio::test]
    async fn a_value_of_the_body_that_is_an_err_can_be_swallowed() {
        let log = Log::default();
        let value: Option<Result<u8, Failure>> =
            async_with!(Suppressor(log.sure("a"), true) => { Err(Failure("value")) });
        assert_eq!(value, None);
        let value: Option<Result<u8, Failure>> =
            async_with!(Suppressor(log.sure("a"), false) => { Err(Failure("value")) });
        assert_eq!(value, Some(Err(Failure("value"))));
        let value: Option<Result<u8, Failure>> = async_with!(Suppressor(log.sure("b"), true) => { Ok(1) });
        assert_eq!(value, Some(Ok(1)));
        let question = ["enter a", "ask a: failed", "exit a: failed"];
        log.expect(&[&question[..], &question[..], &["enter b", "exit b: completed"]].concat());
    }

    #[tokio::test]
    async fn a_fallible_manager_gives_a_result_of_an_option() {
        let log = Log::default();
        let value: Result<Option<Result<u8, Failure>>, Failure> =
            async_with!(Suppressor(log.unsure("a"), true) => { Err(Failure("value")) });
        assert_eq!(value, Ok(None));
        assert_eq!(async_with!(Suppressor(log.unsure("a"), true) => { 1 }), Ok(Some(1)));
    }

    #[tokio::test]
    async fn none_is_no_failure_and_stays_apart_from_a_swallowed_one() {
        async fn option(log: &Log) -> Option<u8> {
            async_with!(Suppressor(log.sure("a"), true) => { None? })
        }

        let log = Log::default();
        assert_eq!(option(&log).await, None);
        log.expect(&["enter a", "exit a: returned"]);
        assert_eq!(async_with!(Suppressor(log.sure("a"), true) => { None::<u8> }), Some(None));
        log.expect(&["enter a", "exit a: completed"]);
    }

    #[tokio::test]
    async fn it_is_not_asked_about_a_success() {
        let log = Log::default();
        assert_eq!(leave(&log, "end", true).await, Ok(Some(3)));
        log.expect(&["enter a", "exit a: completed", "after"]);
        assert_eq!(leave(&log, "return", true).await, Ok(Some(0)));
        log.expect(&["enter a", "exit a: returned"]);
        assert_eq!(leave(&log, "break", true).await, Ok(None));
        log.expect(&["enter a", "exit a: broke"]);
        assert_eq!(leave(&log, "continue", true).await, Ok(None));
        log.expect(&["enter a", "exit a: continued"]);
    }

    #[tokio::test]
    async fn it_is_not_asked_about_a_panic() {
        let log = Log::default();
        let manager = Suppressor(log.sure("a"), true);
        let task = tokio::spawn(async {
            let _: Option<()> = async_with!(manager => { panic!("body") });
        });
        assert!(task.await.unwrap_err().is_panic());
        log.expect(&["enter a", "exit a: panicked"]);
    }

    // CPython: test_coroutines.test_with_13.
    #[tokio::test]
    async fn it_is_not_asked_about_its_own_enter() {
        async fn run(log: &Log) -> Result<(), Failure> {
            let manager = Suppressor(log.unsure("a").enter_fails(Failure("enter")), true);
            async_with!(manager => { log.add("body") })?;
            log.add("after");
            Ok(())
        }

        let log = Log::default();
        assert_eq!(run(&log).await, Err(Failure("enter")));
        log.expect(&["enter a"]);
    }

    #[tokio::test]
    async fn it_may_be_used_where_the_enclosing_function_is_infallible() {
        let log = Log::default();
        let value: Option<Result<(), Infallible>> =
            async_with!(Suppressor(log.sure("a"), true) => { Ok(()) });
        assert_eq!(value, Some(Ok(())));
    }
}

mod exit_fails {
    use super::{Failure, Log, LostErrors, Suppressor, async_with};

    #[tokio::test]
    async fn after_a_swallowed_failure_its_error_is_the_value() {
        async fn run(log: &Log, swallow: bool) -> Result<Option<()>, Failure> {
            let manager = Suppressor(log.unsure("a").exit_fails(Failure("exit of a suppressor")), swallow);
            let value = async_with!(manager => { Err(Failure("body"))? });
            log.add("after");
            value
        }

        let lost = LostErrors::with("exit of a suppressor");
        let log = Log::default();
        assert_eq!(run(&log, true).await, Err(Failure("exit of a suppressor")));
        log.expect(&["enter a", "ask a: failed", "exit a: failed", "after"]);
        assert!(lost.all().is_empty());
        assert_eq!(run(&log, false).await, Err(Failure("body")));
        log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
        assert_eq!(lost.all().len(), 1);
    }

    // CPython: test_with.NestedWith.testExceptionInExit.
    #[tokio::test]
    async fn an_outer_suppressor_swallows_the_error_of_an_inner_exit() {
        let log = Log::default();
        let value: Result<Option<u8>, Failure> = async_with!(
            Suppressor(log.unsure("outer"), true), log.unsure("inner").exit_fails(Failure("exit"))
            => { 1 }
        );
        assert_eq!(value, Ok(None));
        log.expect(&[
            "enter outer",
            "enter inner",
            "exit inner: completed",
            "ask outer: failed",
            "exit outer: failed",
        ]);
    }

    // CPython: test_exit_exception_chaining_suppress: body and two exits fail, the outermost manager swallows.
    #[tokio::test]
    async fn nothing_leaves_when_the_outermost_swallows() {
        async fn run(log: &Log) -> Result<&'static str, Failure> {
            let value: Option<Result<(), Failure>> = async_with!(Suppressor(log.sure("a"), true) => {
                async_with!(
                    log.unsure("b").exit_fails(Failure("swallowed further out: b")),
                    log.unsure("c").exit_fails(Failure("swallowed further out: c"))
                    => { Err(Failure("body"))? }
                )
            });
            assert_eq!(value, None);
            Ok("after")
        }

        let lost = LostErrors::with("swallowed further out");
        let log = Log::default();
        assert_eq!(run(&log).await, Ok("after"));
        log.expect(&[
            "enter a",
            "enter b",
            "enter c",
            "exit c: failed",
            "exit b: failed",
            "ask a: failed",
            "exit a: failed",
        ]);
        assert_eq!(lost.all().len(), 2);
    }

    // CPython: test_exit_exception_non_suppressing, second half: an exit around the suppressor fails.
    #[tokio::test]
    async fn an_error_further_out_than_the_suppressor_leaves() {
        let log = Log::default();
        let value: Result<Option<Result<u8, Failure>>, Failure> = async_with!(
            log.unsure("a").exit_fails(Failure("exit")), Suppressor(log.sure("b"), true)
            => { Err(Failure("body")) }
        );
        assert_eq!(value, Err(Failure("exit")));
        log.expect(&["enter a", "enter b", "ask b: failed", "exit b: failed", "exit a: completed"]);
    }
}

mod several {
    use super::{Failure, Log, Suppressor, async_with};

    async fn fail_with_first(log: &Log) -> Result<Option<u8>, Failure> {
        let value = async_with!(Suppressor(log.sure("s"), true), log.sure("b"), log.sure("c") => {
            Err(Failure("body"))?
        });
        Ok(value)
    }

    async fn fail_with_middle(log: &Log) -> Result<Option<u8>, Failure> {
        let value = async_with!(log.sure("a"), Suppressor(log.sure("s"), true), log.sure("c") => {
            Err(Failure("body"))?
        });
        Ok(value)
    }

    async fn fail_with_last(log: &Log) -> Result<Option<u8>, Failure> {
        let value = async_with!(log.sure("a"), log.sure("b"), Suppressor(log.sure("s"), true) => {
            Err(Failure("body"))?
        });
        Ok(value)
    }

    #[tokio::test]
    async fn those_inside_of_the_suppressor_see_a_failure_and_those_outside_a_success() {
        let log = Log::default();
        assert_eq!(fail_with_first(&log).await, Ok(None));
        log.expect(&[
            "enter s",
            "enter b",
            "enter c",
            "exit c: failed",
            "exit b: failed",
            "ask s: failed",
            "exit s: failed",
        ]);
        assert_eq!(fail_with_middle(&log).await, Ok(None));
        log.expect(&[
            "enter a",
            "enter s",
            "enter c",
            "exit c: failed",
            "ask s: failed",
            "exit s: failed",
            "exit a: completed",
        ]);
        assert_eq!(fail_with_last(&log).await, Ok(None));
        log.expect(&[
            "enter a",
            "enter b",
            "enter s",
            "ask s: failed",
            "exit s: failed",
            "exit b: completed",
            "exit a: completed",
        ]);
    }

    #[tokio::test]
    async fn each_suppressor_adds_an_option() {
        let log = Log::default();
        let value = async_with!(Suppressor(log.sure("a"), true), Suppressor(log.sure("b"), true) => { 1 });
        assert_eq!(value, Some(Some(1)));
        let inner: Option<Option<Result<u8, Failure>>> = async_with!(Suppressor(log.sure("a"), true), Suppressor(log.sure("b"), true) => { Err(Failure("x")) });
        assert_eq!(inner, Some(None));
        let outer: Option<Option<Result<u8, Failure>>> = async_with!(Suppressor(log.sure("a"), true), Suppressor(log.sure("b"), false) => { Err(Failure("x")) });
        assert_eq!(outer, None);
    }

    // CPython: test_with.NestedWith.testExceptionInEnter, testExceptionInExprList with an outer manager that swallows.
    #[tokio::test]
    async fn a_failing_enter_or_expression_is_swallowed_by_an_earlier_one() {
        async fn expression(log: &Log, second: Result<&'static str, Failure>) -> Result<Option<u8>, Failure> {
            let value = async_with!(Suppressor(log.sure("a"), true), log.sure(second?) => { 1 });
            Ok(value)
        }

        let log = Log::default();
        let enter = async_with!(
            Suppressor(log.unsure("a"), true), log.unsure("b").enter_fails(Failure("enter"))
            => { 1 }
        );
        assert_eq!(enter, Ok(None));
        log.expect(&["enter a", "enter b", "ask a: failed", "exit a: failed"]);
        assert_eq!(expression(&log, Err(Failure("expression"))).await, Ok(None));
        log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
        assert_eq!(expression(&log, Ok("b")).await, Ok(Some(1)));
    }

    #[tokio::test]
    async fn the_block_around_a_swallowing_one_is_told_what_became_of_it() {
        async fn run(log: &Log) -> Result<&'static str, Failure> {
            async_with!(log.sure("outer") => {
                let inner: Option<()> = async_with!(Suppressor(log.sure("inner"), true) => { Err(Failure("x"))? });
                if inner.is_none() { Ok("went on") } else { Ok("did not fail") }
            })
        }

        let log = Log::default();
        assert_eq!(run(&log).await, Ok("went on"));
        log.expect(&[
            "enter outer",
            "enter inner",
            "ask inner: failed",
            "exit inner: failed",
            "exit outer: completed",
        ]);
    }
}

struct Asked {
    log: Log,
    interrupts: bool,
    panics: bool,
}

impl AsyncContextManager for Asked {
    type Value = ();
    type Error = Failure;

    async fn enter(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Failure> {
        self.log.add(format!("exit: {outcome}"));
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<Failure> {
        if self.interrupts { Interrupt::when(ready(Failure("interrupt"))) } else { Interrupt::never() }
    }
}

impl Suppress for Asked {
    fn suppress(&mut self, _value: &mut (), outcome: Outcome) -> bool {
        assert!(!self.panics, "while deciding");
        outcome == Outcome::Interrupted
    }
}

#[tokio::test]
async fn an_interrupt_can_be_swallowed() {
    let log = Log::default();
    let manager = Asked { log: log.clone(), interrupts: true, panics: false };
    let value = async_with!(manager => { pending::<u8>().await });
    assert_eq!(value, Ok(None));
    log.expect(&["exit: interrupted"]);
}

// CPython: test_with.ExitSwallowsException.testErrorsInBool: the decision itself fails.
#[tokio::test]
async fn a_panic_while_deciding_is_one_of_the_body() {
    async fn run(log: Log) -> Result<Option<()>, Failure> {
        async_with!(Asked { log, interrupts: false, panics: true } => { Err(Failure("body"))? })
    }

    let log = Log::default();
    let panic = tokio::spawn(run(log.clone())).await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"while deciding"));
    log.expect(&["exit: panicked"]);
}
