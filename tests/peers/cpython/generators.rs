//! Managers written as one function: `asynccontextmanager` there, `context` here.

use std::convert::Infallible;
use std::error::Error;

use async_with::{AsyncContextManager, ObserveError, Outcome, Suppress, async_with, context};

use super::expect_lost;
use crate::common::log::{Failure, Log, LostErrors};

/// Appends 1, yields 42, appends 999.
fn woohoo(state: &Log) -> impl AsyncContextManager<Value = u32, Error = Infallible> + use<> {
    let state = state.clone();
    context(|body| async move {
        state.add("1");
        let (_value, done) = body.run(42).await;
        state.add("999");
        Ok(done)
    })
}

// CPython: test_contextlib_async.AsyncContextManagerTestCase.test_contextmanager_plain.
#[tokio::test]
async fn the_function_runs_up_to_its_body_and_on_after_it() {
    let state = Log::default();
    async_with!(woohoo(&state) as x => {
        state.expect(&["1"]);
        state.add(x.to_string());
    });
    state.expect(&["42", "999"]);
}

// CPython: AsyncContextManagerTestCase.test_contextmanager_finally. Here what follows the body needs no `finally`.
#[tokio::test]
async fn the_function_goes_on_after_a_body_that_failed() {
    async fn run(state: &Log) -> Result<(), Failure> {
        async_with!(woohoo(state) as x => {
            state.expect(&["1"]);
            state.add(x.to_string());
            Err(Failure("division by zero"))?
        });
        Ok(())
    }

    let state = Log::default();
    assert_eq!(run(&state).await, Err(Failure("division by zero")));
    state.expect(&["42", "999"]);
}

// CPython: AsyncContextManagerTestCase.test_contextmanager_no_reraise.
#[tokio::test]
async fn a_function_that_does_not_handle_the_failure_does_not_fail_itself() {
    async fn run() -> Result<(), Failure> {
        let whee = context(|body| async move {
            let ((), done) = body.run(()).await;
            Ok::<_, Failure>(done)
        });
        async_with!(whee => { Err(Failure("no reraise"))? })?;
        Ok(())
    }

    let lost = LostErrors::with("no reraise");
    assert_eq!(run().await, Err(Failure("no reraise")));
    expect_lost(&lost, &[]);
}

/// Swallows a failure whose text is a number, which it appends.
struct CatchesNumbers(Log, bool);

impl AsyncContextManager for CatchesNumbers {
    type Value = u32;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u32, Infallible> {
        self.0.add("1");
        Ok(42)
    }

    async fn exit(self, _value: u32, _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

impl ObserveError for CatchesNumbers {
    fn observe(&mut self, _value: &mut u32, error: &(dyn Error + 'static)) {
        if error.to_string().parse::<u32>().is_ok() {
            self.0.add(error.to_string());
            self.1 = true;
        }
    }
}

impl Suppress for CatchesNumbers {
    fn suppress(&mut self, _value: &mut u32, _outcome: Outcome) -> bool {
        self.1
    }
}

// CPython: AsyncContextManagerTestCase.test_contextmanager_except. A function cannot swallow here, for that has to show in the
// type of the manager.
#[tokio::test]
async fn a_manager_that_catches_what_it_is_meant_for_lets_the_program_go_on() {
    async fn run(state: &Log, error: &'static str) -> Result<&'static str, Failure> {
        let value: Option<()> = async_with!(CatchesNumbers(state.clone(), false) as x => {
            state.expect(&["1"]);
            state.add(x.to_string());
            Err(Failure(error))?
        });
        assert_eq!(value, None);
        Ok("after")
    }

    let state = Log::default();
    assert_eq!(run(&state, "999").await, Ok("after"));
    state.expect(&["42", "999"]);
    assert_eq!(run(&state, "no number").await, Err(Failure("no number")));
    state.expect(&["42"]);
}

// CPython: AsyncContextManagerTestCase.test_contextmanager_wrap_runtimeerror. There the wrapping exception leaves; here it is
// reported, and that of the body leaves.
#[tokio::test]
async fn an_error_that_a_function_makes_of_a_failed_body_is_reported() {
    async fn run(body: Result<(), Failure>) -> Result<(), Failure> {
        let wraps = context(|body| async move {
            let ((), done) = body.run(()).await;
            match done.outcome() {
                Outcome::Failed => Err(Failure("caught division by zero")),
                _ => Ok(done),
            }
        });
        async_with!(wraps => { body? })
    }

    let lost = LostErrors::with("caught division by zero");
    assert_eq!(run(Ok(())).await, Ok(()));
    expect_lost(&lost, &[]);
    assert_eq!(run(Err(Failure("division by zero"))).await, Err(Failure("division by zero")));
    expect_lost(&lost, &["caught division by zero"]);
}
