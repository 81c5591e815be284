//! `ObserveError`: a manager sees the error with which its body leaves.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::error::Error;
use std::io;

use async_with::{AsyncContextManager, ObserveError, Outcome, async_with};

use crate::common::log::{Failure, Log};

/// Writes down what it observes, and what kind of error it turns out to be.
struct Watch(Log);

impl AsyncContextManager for Watch {
    type Value = u32;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    async fn exit(self, value: u32, outcome: Outcome) -> Result<(), Infallible> {
        self.0.add(format!("exit: {outcome}, value {value}"));
        Ok(())
    }
}

impl ObserveError for Watch {
    fn observe(&mut self, value: &mut u32, error: &(dyn Error + 'static)) {
        *value += 1;
        let kind = match () {
            () if error.is::<io::Error>() => "io error ",
            () if error.is::<Failure>() => "failure ",
            () => "",
        };
        self.0.add(format!("observe: {kind}{error}"));
    }
}

mod seen {
    use super::{Error, Failure, Log, Watch, async_with, io};

    /// A function that fails with an error of type `$error`, once by `?` and once by `return`.
    macro_rules! fails {
        ($log:ident, $error:ty, $value:expr) => {{
            async fn question_mark(log: &Log) -> Result<u8, $error> {
                async_with!(Watch(log.clone()) => { Err($value)? })
            }
            async fn returns(log: &Log) -> Result<u8, $error> {
                async_with!(Watch(log.clone()) => { return Err($value.into()); })
            }
            assert!(question_mark(&$log).await.is_err());
            assert!(returns(&$log).await.is_err());
        }};
    }

    #[track_caller]
    fn expect_twice(log: &Log, line: &str) {
        log.expect(&[line, "exit: failed, value 1", line, "exit: failed, value 1"]);
    }

    // CPython: test_with.ExceptionalTestCase.testSingleResource, testExceptionNormalized.
    #[tokio::test]
    async fn an_error_is_itself() {
        let log = Log::default();
        fails!(log, io::Error, io::Error::other("disk"));
        expect_twice(&log, "observe: io error disk");
        fails!(log, Failure, Failure("own"));
        expect_twice(&log, "observe: failure own");
    }

    #[tokio::test]
    async fn an_error_in_a_box_or_anyhow_is_the_one_inside() {
        let log = Log::default();
        fails!(log, anyhow::Error, io::Error::other("disk"));
        expect_twice(&log, "observe: io error disk");
        fails!(log, Box<dyn Error>, io::Error::other("disk"));
        expect_twice(&log, "observe: io error disk");
        fails!(log, Box<dyn Error + Send + Sync>, Failure("own"));
        expect_twice(&log, "observe: failure own");
        fails!(log, Box<Failure>, Failure("own"));
    }

    #[tokio::test]
    async fn an_anyhow_message_and_context_are_seen() {
        async fn with_context(log: &Log) -> anyhow::Result<()> {
            use anyhow::Context;
            async_with!(Watch(log.clone()) => { Err(io::Error::other("disk")).context("while saving")? })
        }

        let log = Log::default();
        fails!(log, anyhow::Error, anyhow::anyhow!("message {}", 1));
        expect_twice(&log, "observe: message 1");
        assert!(with_context(&log).await.is_err());
        log.expect(&["observe: while saving", "exit: failed, value 1"]);
    }

    #[tokio::test]
    async fn a_text_is_a_message() {
        let log = Log::default();
        fails!(log, String, "text");
        expect_twice(&log, "observe: text");
        fails!(log, &'static str, "text");
        expect_twice(&log, "observe: text");
        fails!(log, u8, 7_u8);
        expect_twice(&log, "observe: 7");
    }

    #[derive(Debug)]
    struct Mute;

    #[tokio::test]
    async fn what_has_no_text_is_the_name_of_its_type() {
        let log = Log::default();
        fails!(log, Mute, Mute);
        expect_twice(&log, "observe: observe::seen::Mute");
        fails!(log, (), ());
        expect_twice(&log, "observe: ()");
    }

    #[tokio::test]
    async fn an_error_hidden_in_a_macro_is_seen() {
        async fn bails(log: &Log) -> anyhow::Result<()> {
            async_with!(Watch(log.clone()) => { anyhow::bail!("gave up") })
        }

        async fn formats(log: &Log, text: &str) -> Result<String, std::num::ParseIntError> {
            async_with!(Watch(log.clone()) => { Ok(format!("{}", text.parse::<u8>()?)) })
        }

        let log = Log::default();
        assert!(bails(&log).await.is_err());
        log.expect(&["observe: gave up", "exit: failed, value 1"]);
        assert!(formats(&log, "x").await.is_err());
        log.expect(&["observe: invalid digit found in string", "exit: failed, value 1"]);
        assert!(formats(&log, "1").await.is_ok());
        log.expect(&["exit: completed, value 0"]);
    }

    #[tokio::test]
    async fn an_error_of_a_generic_type_is_seen_as_what_its_bounds_say() {
        async fn as_error<E: Error + 'static>(log: &Log, error: E) -> Result<(), E> {
            async_with!(Watch(log.clone()) => { return Err(error); })
        }

        async fn as_nothing<E>(log: &Log, error: E) -> Result<(), E> {
            async_with!(Watch(log.clone()) => { return Err(error); })
        }

        let log = Log::default();
        assert!(as_error(&log, Failure("own")).await.is_err());
        log.expect(&["observe: failure own", "exit: failed, value 1"]);
        assert!(as_nothing(&log, Mute).await.is_err());
        log.expect(&["observe: observe::seen::Mute", "exit: failed, value 1"]);
    }
}

mod not_called {
    use super::{Failure, Log, Watch, async_with};

    #[tokio::test]
    async fn when_the_body_succeeds() {
        async fn run(log: &Log, how: &str) -> Result<(), Failure> {
            for _ in 0..1 {
                async_with!(Watch(log.clone()) => {
                    match how {
                        "return" => return Ok(()),
                        "break" => break,
                        "continue" => continue,
                        _ => {}
                    }
                });
            }
            Ok(())
        }

        let log = Log::default();
        for (how, told) in
            [("end", "completed"), ("return", "returned"), ("break", "broke"), ("continue", "continued")]
        {
            assert_eq!(run(&log, how).await, Ok(()));
            log.expect(&[&format!("exit: {told}, value 0")]);
        }
    }

    #[tokio::test]
    async fn with_a_value_of_the_body_that_is_an_err() {
        async fn run(log: &Log) -> Result<Result<(), Failure>, Failure> {
            let value = async_with!(Watch(log.clone()) => {
                if log_is(log) {
                    Err(Failure("value"))
                } else {
                    return Ok(Ok(()));
                }
            });
            Ok(value)
        }

        let log = Log::default();
        assert_eq!(run(&log).await, Ok(Err(Failure("value"))));
        log.expect(&["exit: failed, value 0"]);
    }

    fn log_is(_log: &Log) -> bool {
        true
    }

    #[tokio::test]
    async fn with_none_or_a_unit() {
        async fn option(log: &Log) -> Option<u8> {
            async_with!(Watch(log.clone()) => { None?; });
            Some(1)
        }

        async fn unit(log: &Log) {
            async_with!(Watch(log.clone()) => { return; });
        }

        let log = Log::default();
        assert_eq!(option(&log).await, None);
        unit(&log).await;
        log.expect(&["exit: returned, value 0", "exit: returned, value 0"]);
    }

    #[tokio::test]
    async fn with_a_panic() {
        async fn panics(log: Log) -> Result<(), Failure> {
            async_with!(Watch(log) => { panic!("body") })
        }

        let log = Log::default();
        let task = tokio::spawn(panics(log.clone()));
        assert!(task.await.unwrap_err().is_panic());
        log.expect(&["exit: panicked, value 0"]);
    }
}

// CPython: test_with.ExceptionalTestCase.testNestedSingleStatements, testMultipleResourcesInSingleStatement.
#[tokio::test]
async fn every_manager_on_the_way_sees_the_same_error_before_its_exit() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Watch(log.clone()), log.sure("plain"), Watch(log.clone()) => {
            async_with!(Watch(log.clone()) => { Err(Failure("body"))? });
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("body")));
    log.expect(&[
        "enter plain",
        "observe: failure body",
        "exit: failed, value 1",
        "observe: failure body",
        "exit: failed, value 1",
        "exit plain: failed",
        "observe: failure body",
        "exit: failed, value 1",
    ]);
}

#[tokio::test]
async fn an_error_of_a_later_expression_is_seen() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Watch(log.clone()), Err::<Watch, _>(Failure("expression"))? => {});
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("expression")));
    log.expect(&["observe: failure expression", "exit: failed, value 1"]);
}

struct Panics(Log);

impl AsyncContextManager for Panics {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.add(format!("exit: {outcome}"));
        Ok(())
    }
}

impl ObserveError for Panics {
    fn observe(&mut self, _value: &mut (), _error: &(dyn Error + 'static)) {
        panic!("while observing");
    }
}

#[tokio::test]
async fn a_panic_while_observing_is_one_of_the_body() {
    async fn run(log: Log) -> Result<(), Failure> {
        async_with!(Panics(log) => { Err(Failure("body"))? })
    }

    let log = Log::default();
    let panic = tokio::spawn(run(log.clone())).await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"while observing"));
    log.expect(&["exit: panicked"]);
}
