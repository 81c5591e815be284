//! Errors of the body and of exits: which one leaves, and where the others go.

use std::fmt::Debug;

use async_with::{AsyncExitStack, Outcome, async_with, with};

use super::sync;
use crate::common::log::{Failure, Log, LostErrors};

/// The errors as the hook is given them.
fn shown<const N: usize>(errors: [Failure; N]) -> Vec<String> {
    errors.iter().map(|error| format!("{error:?}")).collect()
}

/// 30. throws-error-as-is-if-only-one-error-during-disposal.
#[tokio::test]
async fn a_lone_error_leaves_as_it_is() {
    async fn run(log: &Log, fails: &str) -> Result<(), Failure> {
        let error = Failure("a lone error");
        let (mut outer, mut inner) = (log.unsure("1"), log.unsure("2"));
        match fails {
            "outer" => outer = outer.exit_fails(error),
            "inner" => inner = inner.exit_fails(error),
            _ => {}
        }
        async_with!(outer, sync(inner) => {
            if fails == "body" {
                return Err(error);
            }
        })
    }

    let lost = LostErrors::with("a lone error");
    let log = Log::default();
    for (fails, [inner, outer]) in [
        ("outer", ["exit 2: completed", "exit 1: completed"]),
        ("inner", ["exit 2: completed", "exit 1: failed"]),
        ("body", ["exit 2: failed", "exit 1: failed"]),
    ] {
        assert_eq!(run(&log, fails).await, Err(Failure("a lone error")), "{fails}");
        log.expect(&["enter 1", "enter 2", inner, outer]);
    }
    assert_eq!(lost.texts(), [""; 0]);
}

/// 31. throws-suppressederror-if-multiple-errors-during-disposal: error 3 is within error 2 within error 1 there.
#[tokio::test]
async fn of_three_errors_the_bodys_leaves_and_the_others_follow_in_their_order() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(
            log.unsure("1").exit_fails(Failure("of three: error 1")),
            sync(log.unsure("2").exit_fails(Failure("of three: error 2")))
            => { return Err(Failure("of three: error 3")) }
        )
    }

    let lost = LostErrors::with("of three: ");
    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("of three: error 3")));
    log.expect(&["enter 1", "enter 2", "exit 2: failed", "exit 1: failed"]);
    assert_eq!(lost.texts(), shown([Failure("of three: error 2"), Failure("of three: error 1")]));
}

/// 32. staging/await-using-dispose-method-throws.
#[tokio::test]
async fn an_exit_that_fails_at_once() {
    let log = Log::default();
    let value = async_with!(log.unsure("a").exit_fails(Failure("exit")) => { log.add("body") });
    assert_eq!(value, Err(Failure("exit")));
    log.expect(&["enter a", "body", "exit a: completed"]);
}

/// 33. staging/await-using-dispose-method-throws-after-await.
#[tokio::test]
async fn an_exit_that_fails_after_it_has_suspended() {
    let log = Log::default();
    let manager = log.unsure("a").waits(1).exit_fails(Failure("exit"));
    assert_eq!(async_with!(manager => { log.add("body") }), Err(Failure("exit")));
    log.expect(&["enter a", "a waited 1", "body", "exit a: completed", "a waited 1"]);
}

/// 34. staging/await-using-user-code-throws-after.
#[tokio::test]
async fn a_failure_after_the_head_is_told_to_the_exit() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(log.sure("a") => { Err(Failure("after"))? });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("after")));
    log.expect(&["enter a", "exit a: failed"]);
}

/// 35. staging/await-using-user-code-throws-before.
#[tokio::test]
async fn a_failure_before_the_head_enters_and_exits_nothing() {
    async fn run(log: &Log) -> Result<(), Failure> {
        Err(Failure("before"))?;
        async_with!(log.sure("a") => {});
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("before")));
    log.expect(&[]);
}

/// 36. staging/await-using-throws-suppressed-error-from-disposals.
#[tokio::test]
async fn of_two_exits_the_first_to_fail_leaves() {
    let lost = LostErrors::with("two exits: ");
    let log = Log::default();
    let value = async_with!(
        log.unsure("x").exit_fails(Failure("two exits: x")),
        log.unsure("y").exit_fails(Failure("two exits: y"))
        => {}
    );
    assert_eq!(value, Err(Failure("two exits: y")));
    log.expect(&["enter x", "enter y", "exit y: completed", "exit x: failed"]);
    assert_eq!(lost.texts(), shown([Failure("two exits: x")]));
}

/// 37. staging/await-using-throws-suppressed-error-from-try-and-disposal.
#[tokio::test]
async fn the_bodys_error_leaves_and_the_exits_goes_to_the_hook() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(log.unsure("x").exit_fails(Failure("try and exit: exit")) => {
            Err(Failure("try and exit: body"))?;
        })
    }

    let lost = LostErrors::with("try and exit: ");
    assert_eq!(run(&Log::default()).await, Err(Failure("try and exit: body")));
    assert_eq!(lost.texts(), shown([Failure("try and exit: exit")]));
}

/// 38. staging/await-using-mixed-throws-suppressed-error.
#[tokio::test]
async fn a_synchronous_exit_that_fails_after_an_asynchronous_one() {
    let lost = LostErrors::with("mixed: ");
    let log = Log::default();
    let value: Result<Result<(), Failure>, Failure> = async {
        with!(log.unsure("x").exit_fails(Failure("mixed: sync")) => async {
            async_with!(log.unsure("y").exit_fails(Failure("mixed: async")) => {})
        })
    }
    .await;
    // Both blocks give what they failed with; the outer exit has seen the inner block fail.
    assert_eq!(value, Ok(Err(Failure("mixed: async"))));
    log.expect(&["enter x", "enter y", "exit y: completed", "exit x: failed"]);
    assert_eq!(lost.texts(), shown([Failure("mixed: sync")]));
}

/// 39. staging/await-using-mixed-throws-suppressed-error-from-sync-and-async-disposals.
#[tokio::test]
async fn a_synchronous_exit_that_fails_after_an_asynchronous_one_that_suspends() {
    let lost = LostErrors::with("mixed in one head: ");
    let log = Log::default();
    let value = async_with!(
        sync(log.unsure("x").exit_fails(Failure("mixed in one head: sync"))),
        log.unsure("y").waits(1).exit_fails(Failure("mixed in one head: async"))
        => {}
    );
    assert_eq!(value, Err(Failure("mixed in one head: async")));
    log.expect(&["enter x", "enter y", "y waited 1", "exit y: completed", "y waited 1", "exit x: failed"]);
    assert_eq!(lost.texts(), shown([Failure("mixed in one head: sync")]));
}

/// 40. staging/await-using-mixed-async-throws.
#[tokio::test]
async fn an_asynchronous_exit_that_fails_after_a_synchronous_one_that_does_not() {
    let log = Log::default();
    let value = async_with!(
        log.unsure("x").exit_fails(Failure("async")),
        sync(log.sure("y"))
        => {}
    );
    assert_eq!(value, Err(Failure("async")));
    log.expect(&["enter x", "enter y", "exit y: completed", "exit x: completed"]);
}

/// 41. staging/await-using-mixed-sync-throws.
#[tokio::test]
async fn a_synchronous_exit_that_fails_before_an_asynchronous_one_that_does_not() {
    let log = Log::default();
    let value = async_with!(
        log.sure("x").waits(1),
        sync(log.unsure("y").exit_fails(Failure("sync")))
        => {}
    );
    assert_eq!(value, Err(Failure("sync")));
    log.expect(&["enter x", "x waited 1", "enter y", "exit y: completed", "exit x: failed", "x waited 1"]);
}

/// 42. staging/await-using-throws-from-symbol-dispose.
#[tokio::test]
async fn a_synchronous_exit_that_fails() {
    let log = Log::default();
    let value = async_with!(sync(log.unsure("a").exit_fails(Failure("sync"))) => { log.add("body") });
    assert_eq!(value, Err(Failure("sync")));
    log.expect(&["enter a", "body", "exit a: completed"]);
}

/// 43. staging/await-using-throws-suppressed-error-of-undefined: `()` is an error like any other.
#[tokio::test]
async fn an_error_without_content_counts() {
    /// Nothing but its type.
    #[derive(Debug, PartialEq)]
    struct Nothing;

    let lost = LostErrors::with("Nothing");
    let log = Log::default();
    let (x, y) = (log.manager("x").exit_fails(Nothing), log.manager("y").exit_fails(Nothing));
    assert_eq!(async_with!(x, y => {}), Err(Nothing));
    assert_eq!(lost.texts(), ["Nothing"]);
    log.expect(&["enter x", "enter y", "exit y: completed", "exit x: failed"]);
    let (x, y) = (log.manager("x").exit_fails(()), log.manager("y").exit_fails(()));
    assert_eq!(async_with!(x, y => {}), Err(()));
    log.expect(&["enter x", "enter y", "exit y: completed", "exit x: failed"]);
}

/// 44. staging/exception-handling.
mod synchronous_blocks {
    use super::{Failure, Log, LostErrors, shown, with};

    fn body_fails(log: &Log, before: bool, exit: Option<Failure>) -> Result<(), Failure> {
        if before {
            Err(Failure("before"))?;
        }
        let manager = log.unsure("a");
        let manager = if let Some(error) = exit { manager.exit_fails(error) } else { manager };
        with!(manager => { return Err(Failure("body")) })
    }

    #[test]
    fn a_lone_error_leaves_as_it_is() {
        let log = Log::default();
        assert_eq!(body_fails(&log, true, None), Err(Failure("before")));
        log.expect(&[]);
        assert_eq!(body_fails(&log, false, None), Err(Failure("body")));
        log.expect(&["enter a", "exit a: failed"]);
        assert_eq!(with!(log.unsure("a").exit_fails(Failure("exit")) => {}), Err(Failure("exit")));
        log.expect(&["enter a", "exit a: completed"]);
    }

    #[test]
    fn of_several_the_first_leaves_and_the_others_go_to_the_hook() {
        let lost = LostErrors::with("synchronous: ");
        let log = Log::default();
        assert_eq!(body_fails(&log, false, Some(Failure("synchronous: exit"))), Err(Failure("body")));
        log.expect(&["enter a", "exit a: failed"]);
        let (x, y) = (Failure("synchronous: x"), Failure("synchronous: y"));
        let value = with!(log.unsure("x").exit_fails(x), log.unsure("y").exit_fails(y) => {});
        assert_eq!(value, Err(y));
        log.expect(&["enter x", "enter y", "exit y: completed", "exit x: failed"]);
        assert_eq!(lost.texts(), shown([Failure("synchronous: exit"), x]));
    }
}

/// 44. built-ins/SuppressedError: both errors can be had, each with all it is made of.
#[tokio::test]
async fn the_hook_is_given_the_error_its_manager_its_place_and_what_the_exit_was_told() {
    /// An error with a cause.
    #[derive(Debug, thiserror::Error)]
    #[error("the body of accessors")]
    struct Caused(#[source] Failure);

    async fn run(log: &Log) -> Result<(), Box<dyn std::error::Error>> {
        async_with!(log.unsure("a").exit_fails(Failure("accessors: exit")) => {
            Err(Caused(Failure("accessors: cause")))?;
        })?;
        Ok(())
    }

    let lost = LostErrors::with("accessors: exit");
    let error = run(&Log::default()).await.unwrap_err();
    let caused = error.downcast_ref::<Caused>().expect("it is as the body made it");
    assert_eq!(caused.0, Failure("accessors: cause"));
    assert_eq!(error.source().unwrap().to_string(), "accessors: cause");
    let [lost] = &lost.all()[..] else { panic!("one error is lost") };
    assert_eq!(lost.error, r#"Failure("accessors: exit")"#);
    assert!(lost.manager.contains("Recorder<"), "{}", lost.manager);
    assert_eq!((lost.file, lost.outcome), (file!(), Outcome::Failed));
}

/// What a body fails with may be of a type that the exits know nothing of: both are kept, neither is erased.
#[tokio::test]
async fn errors_of_different_types_are_both_kept() {
    fn is<T: Debug>(_: &T) {}

    let value = async_with!(AsyncExitStack::<Failure>::new() => { Err::<(), u8>(5) });
    is::<Result<Result<(), u8>, Failure>>(&value);
    assert_eq!(value, Ok(Err(5)));
}
