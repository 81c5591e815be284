//! Which error leaves when entering, the body or exiting fails, and where the others go.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::error::Error;

use async_with::{Outcome, async_with};

use crate::common::log::{Failure, Log, LostErrors};

mod enter {
    use super::{Failure, Log, async_with};

    // CPython: test_coroutines.test_with_11, test_with.FailureTestCase.testEnterThrows.
    #[tokio::test]
    async fn its_failure_is_the_value_and_neither_body_nor_exit_run() {
        let log = Log::default();
        let mut bound = "untouched";
        let manager = log.unsure("a").enter_fails(Failure("enter")).exit_fails(Failure("exit"));
        let value = async_with!(manager as _a => {
            log.add("body");
            bound = "touched";
        });
        assert_eq!(value, Err(Failure("enter")));
        assert_eq!(bound, "untouched");
        log.expect(&["enter a"]);
    }

    #[tokio::test]
    async fn its_failure_is_told_to_the_blocks_around_only_if_it_leaves_them() {
        async fn handled(log: &Log) -> &'static str {
            async_with!(log.sure("outer") => {
                match async_with!(log.unsure("inner").enter_fails(Failure("enter")) => {}) {
                    Ok(()) => "entered",
                    Err(Failure(error)) => error,
                }
            })
        }

        async fn passed_on(log: &Log) -> Result<(), Failure> {
            async_with!(log.sure("outer") => {
                async_with!(log.unsure("inner").enter_fails(Failure("enter")) => {})?;
            });
            Ok(())
        }

        let log = Log::default();
        assert_eq!(handled(&log).await, "enter");
        log.expect(&["enter outer", "enter inner", "exit outer: completed"]);
        assert_eq!(passed_on(&log).await, Err(Failure("enter")));
        log.expect(&["enter outer", "enter inner", "exit outer: failed"]);
    }
}

mod exit {
    use super::{Failure, Log, async_with};

    // CPython: test_coroutines.test_with_9, FailureTestCase.testExitThrows.
    // test262: await-using/throws-error-as-is-if-only-one-error-during-disposal.
    #[tokio::test]
    async fn its_failure_is_the_value_after_a_good_body() {
        let log = Log::default();
        let value = async_with!(log.unsure("a").exit_fails(Failure("exit")) => {
            log.add("body");
            5
        });
        assert_eq!(value, Err(Failure("exit")));
        log.expect(&["enter a", "body", "exit a: completed"]);
    }

    // test262: await-using-dispose-method-throws, await-using-dispose-method-throws-after-await.
    #[tokio::test]
    async fn it_may_fail_before_or_after_it_suspends() {
        let log = Log::default();
        for waits in [0, 2] {
            let manager = log.unsure("a").waits(waits).exit_fails(Failure("exit"));
            assert_eq!(async_with!(manager => {}), Err(Failure("exit")), "{waits}");
        }
    }

    #[tokio::test]
    async fn its_failure_replaces_a_return_through_every_block_around() {
        async fn returns(log: &Log) -> Result<&'static str, Failure> {
            async_with!(log.unsure("outer") => {
                async_with!(log.unsure("inner").exit_fails(Failure("exit")) => { return Ok("early") })?;
            })?;
            Ok("late")
        }

        let log = Log::default();
        assert_eq!(returns(&log).await, Err(Failure("exit")));
        log.expect(&["enter outer", "enter inner", "exit inner: returned", "exit outer: failed"]);
    }

    // CPython: test_exit_exception_non_suppressing, first half, with the outer manager the one that fails.
    #[tokio::test]
    async fn the_outer_one_may_fail_after_the_inner_one_went_well() {
        let log = Log::default();
        let value = async_with!(log.unsure("outer").exit_fails(Failure("outer")) => {
            async_with!(log.unsure("inner") => { 1 })
        });
        assert_eq!(value, Err(Failure("outer")));
        log.expect(&["enter outer", "enter inner", "exit inner: completed", "exit outer: completed"]);
    }
}

mod both {
    use super::{Error, Failure, Log, LostErrors, Outcome, async_with};

    async fn fails_in_body_and_exit(exit: &'static str) -> Result<u8, Failure> {
        async_with!(Log::default().unsure("a").exit_fails(Failure(exit)) => {
            return Err(Failure("body"));
        })
    }

    // CPython: test_coroutines.test_with_7. test262: await-using-throws-suppressed-error-from-try-and-disposal.
    #[tokio::test]
    async fn the_bodys_failure_leaves_and_the_exits_goes_to_the_hook() {
        let lost = LostErrors::with("returned err, exit fails");
        assert_eq!(fails_in_body_and_exit("returned err, exit fails").await, Err(Failure("body")));
        assert_eq!(lost.texts(), [r#"Failure("returned err, exit fails")"#]);
    }

    #[tokio::test]
    async fn a_body_whose_value_is_an_err_wins_too() {
        let lost = LostErrors::with("err value, exit fails");
        let manager = Log::default().unsure("a").exit_fails(Failure("err value, exit fails"));
        let value: Result<Result<u8, &str>, Failure> = async_with!(manager => { Err("body") });
        assert_eq!(value, Ok(Err("body")));
        assert_eq!(lost.texts(), [r#"Failure("err value, exit fails")"#]);
    }

    // CPython: test_coroutines.test_with_10; test_exit_exception_with_correct_context (each exit has its own error).
    // test262: throws-suppressederror-if-multiple-errors-during-disposal.
    #[tokio::test]
    async fn the_hook_is_given_every_exits_error_from_the_inside_out() {
        async fn fails(log: &Log) -> Result<(), Failure> {
            async_with!(log.unsure("a").exit_fails(Failure("three exits: outer")) => {
                async_with!(
                    log.unsure("b").exit_fails(Failure("three exits: middle")),
                    log.unsure("c").exit_fails(Failure("three exits: inner"))
                    => { Err(Failure("body"))? }
                )
            })?
        }

        let lost = LostErrors::with("three exits");
        let log = Log::default();
        assert_eq!(fails(&log).await, Err(Failure("body")));
        log.expect(&["enter a", "enter b", "enter c", "exit c: failed", "exit b: failed", "exit a: failed"]);
        let failures =
            ["inner", "middle", "outer"].map(|which| format!(r#"Failure("three exits: {which}")"#));
        assert_eq!(lost.texts(), failures);
    }

    // test262: await-using-throws-suppressed-error-from-disposals.
    #[tokio::test]
    async fn of_two_exits_that_fail_after_a_good_body_the_first_to_fail_leaves() {
        let lost = LostErrors::with("two exits");
        let log = Log::default();
        let value = async_with!(
            log.unsure("a").exit_fails(Failure("two exits: outer")),
            log.unsure("b").exit_fails(Failure("two exits: inner"))
            => { 1 }
        );
        assert_eq!(value, Err(Failure("two exits: inner")));
        log.expect(&["enter a", "enter b", "exit b: completed", "exit a: failed"]);
        assert_eq!(lost.texts(), [r#"Failure("two exits: outer")"#]);
    }

    #[tokio::test]
    async fn a_failing_enter_wins_over_the_exits_before_it() {
        let lost = LostErrors::with("exit after a failing enter");
        let log = Log::default();
        let value = async_with!(
            log.unsure("a").exit_fails(Failure("exit after a failing enter")),
            log.unsure("b").enter_fails(Failure("enter"))
            => {}
        );
        assert_eq!(value, Err(Failure("enter")));
        log.expect(&["enter a", "enter b", "exit a: failed"]);
        assert_eq!(lost.all()[0].outcome, Outcome::Failed);
    }

    // test262: await-using-throws-suppressed-error-of-undefined: an error without content is still an error.
    #[tokio::test]
    async fn a_unit_error_counts() {
        async fn fails(log: &Log) -> Result<u8, ()> {
            async_with!(log.manager::<()>("a").exit_fails(()) => { Err(())? })
        }

        let log = Log::default();
        assert_eq!(async_with!(log.manager::<()>("a").exit_fails(()) => { 1 }), Err(()));
        log.expect(&["enter a", "exit a: completed"]);
        assert_eq!(async_with!(log.manager::<()>("a").enter_fails(()) => { 1 }), Err(()));
        log.expect(&["enter a"]);
        assert_eq!(fails(&log).await, Err(()));
        log.expect(&["enter a", "exit a: failed"]);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Caused(#[source] Failure);

    // CPython: test_exit_exception_with_existing_context: an error keeps the causes that it came with.
    #[tokio::test]
    async fn an_error_leaves_with_its_own_sources_and_no_others() {
        async fn fails() -> Result<(), Box<dyn Error>> {
            async_with!(Log::default().unsure("a").exit_fails(Failure("hidden by a cause")) => {
                Err(Caused(Failure("cause")))?;
            })?;
            Ok(())
        }

        let lost = LostErrors::with("hidden by a cause");
        let error = fails().await.unwrap_err();
        assert_eq!(error.to_string(), "outer");
        let source = error.source().unwrap();
        assert_eq!(source.downcast_ref(), Some(&Failure("cause")));
        assert!(source.source().is_none());
        assert_eq!(lost.all().len(), 1);
    }
}

mod lost_errors {
    use super::{Failure, Log, LostErrors, Outcome, async_with};

    // CPython: test_with.NestedWith.testExceptionLocation.
    #[tokio::test]
    async fn they_say_whose_exit_failed_where_and_what_it_was_told() {
        let lost = LostErrors::with("where and what");
        let line = line!() + 2;
        let fails = async {
            async_with!(Log::default().unsure("a").exit_fails(Failure("where and what")) => {
                Err::<(), _>(Failure("body"))?;
            })
        };
        assert_eq!(fails.await, Err(Failure("body")));
        let all = lost.all();
        assert_eq!(all.len(), 1);
        assert!(
            all[0].manager.ends_with("log::Recorder<errors::common::log::Failure>"),
            "{}",
            all[0].manager
        );
        assert_eq!(all[0].file, file!());
        assert_eq!(all[0].line, line);
        assert_eq!(all[0].outcome, Outcome::Failed);
        assert_eq!(all[0].error, r#"Failure("where and what")"#);
    }

    // CPython: test_with.NestedWith.testExceptionLocation, with several managers.
    #[tokio::test]
    async fn a_nested_block_with_a_jump_out_of_it_has_its_own_line() {
        let log = Log::default();
        let lost = LostErrors::with("nested, with a jump");
        let mut line = 0;
        let result: Result<(), Failure> = async {
            #[expect(clippy::never_loop, reason = "the loop is there for `break`")]
            loop {
                async_with!(log.sure("outer") => {
                    line = line!() + 1;
                    async_with!(log.unsure("inner").exit_fails(Failure("nested, with a jump")) => {
                        if log.has("no such line") {
                            break;
                        }
                        return Err(Failure("body"));
                    })
                })?;
            }
            Ok(())
        }
        .await;
        assert_eq!(result, Err(Failure("body")));
        assert_eq!(lost.all()[0].line, line);
    }

    #[tokio::test]
    async fn all_items_of_a_block_have_its_line() {
        let lost = LostErrors::with("one line for all items");
        let log = Log::default();
        let line = line!() + 1;
        let value: Result<Result<(), u8>, Failure> = async_with!(
            log.unsure("a").exit_fails(Failure("one line for all items")),
            log.unsure("b").exit_fails(Failure("one line for all items"))
            => { Err(1) }
        );
        assert_eq!(value, Ok(Err(1)));
        let lines: Vec<_> = lost.all().iter().map(|lost| lost.line).collect();
        assert_eq!(lines, [line, line]);
    }

    #[tokio::test]
    async fn after_a_panic_they_are_told_so_and_the_panic_goes_on() {
        let lost = LostErrors::with("panic wins");
        let task = tokio::spawn(async {
            async_with!(Log::default().unsure("a").exit_fails(Failure("panic wins")) => { panic!("body") })
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(lost.all()[0].outcome, Outcome::Panicked);
    }

    #[tokio::test]
    async fn there_are_none_when_the_error_is_the_value_of_the_block() {
        let lost = LostErrors::with("not lost");
        let log = Log::default();
        assert!(async_with!(log.unsure("a").exit_fails(Failure("not lost")) => {}).is_err());
        assert!(async_with!(log.unsure("a").enter_fails(Failure("not lost")) => {}).is_err());
        assert_eq!(lost.texts(), [""; 0]);
    }
}

// CPython: test_with.NonLocalFlowControl, testRaisedStopIteration1-3: what the machinery itself uses is no special error.
#[tokio::test]
async fn types_of_ours_are_ordinary_errors() {
    async fn fails(outcome: Outcome) -> Result<(), Outcome> {
        async_with!(Log::default().sure("a") => { Err(outcome)? })
    }

    assert_eq!(fails(Outcome::Completed).await, Err(Outcome::Completed));
    assert_eq!(fails(Outcome::Cancelled).await, Err(Outcome::Cancelled));
}

// test262: await-using-user-code-throws-after, await-using-user-code-throws-before.
// CPython: NestedExceptional.testNestedExceptionBeforeInnerStatement.
#[tokio::test]
async fn a_failure_before_a_block_does_not_touch_it() {
    async fn fails(log: &Log, before: bool) -> Result<(), Failure> {
        async_with!(log.sure("outer") => {
            if before {
                return Err(Failure("before"));
            }
            async_with!(log.sure("inner") => { Err(Failure("after"))? });
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(fails(&log, true).await, Err(Failure("before")));
    log.expect(&["enter outer", "exit outer: failed"]);
    assert_eq!(fails(&log, false).await, Err(Failure("after")));
    log.expect(&["enter outer", "enter inner", "exit inner: failed", "exit outer: failed"]);
}
