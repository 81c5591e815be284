//! `close`.

use std::future::ready;
use std::sync::{Arc, Mutex};

use async_with::{async_with, settle};

use super::super::{polls, sync};
use super::{Stack, filled, records_name};
use crate::common::log::{Failure, Log, LostErrors, Recorder};
use crate::common::trace::{Gate, poll_once};

/// 57. disposeAsync/disposes-resources-in-reverse-order.
#[tokio::test]
async fn entries_of_all_kinds_exit_in_reverse() {
    let (log, stack) = (Log::default(), Stack::new());
    let [third, fourth, fifth] = [(); 3].map(|()| log.clone());
    drop(stack.enter(log.unsure("1")).await.unwrap());
    drop(stack.enter(sync(log.unsure("2"))).await.unwrap());
    drop(stack.push(3, |value, _outcome| async move { third.add(format!("{value}")) }));
    drop(stack.push(4, move |value, _outcome| {
        fourth.add(format!("{value}"));
        ready(())
    }));
    stack.defer(|_outcome| async move { fifth.add("5") });
    stack.defer(records_name(&log, "6"));
    stack.close().await.unwrap();
    log.expect(&["enter 1", "enter 2", "6", "5", "4", "3", "exit 2: completed", "exit 1: completed"]);
}

/// 70. disposeAsync/does-not-reject-if-already-disposed: what is not to be had twice is a stack that has been closed.
#[tokio::test]
async fn a_stack_whose_entries_have_been_exited_can_be_closed() {
    let log = Log::default();
    let mut stack = filled(&log);
    assert_eq!(stack.take().close().await, Ok(()));
    assert_eq!(stack.take().close().await, Ok(()));
    assert_eq!(stack.close().await, Ok(()));
}

/// 71. disposeAsync/does-not-reinvoke-disposers-if-already-disposed; staging/async-disposable-stack-dispose-on-disposed-stack.
#[tokio::test]
async fn exits_that_have_run_do_not_run_again() {
    let log = Log::default();
    let exits = ["enter entered", "deferred", "pushed", "exit entered: completed"];
    filled(&log).close().await.unwrap();
    settle().await;
    log.expect(&exits);
    let block = async_with!(filled(&log) as stack => {
        stack.take().close().await.unwrap();
        log.add("the body goes on");
    });
    assert_eq!(block, Ok(()));
    settle().await;
    log.expect(&[&exits[..], &["the body goes on"]].concat());
}

/// 72. disposeAsync/does-not-reinvoke-disposers-if-dispose-already-started; see also `tests/ui/stack_closed_twice.rs`.
#[tokio::test]
async fn a_close_that_has_begun_and_is_dropped_goes_on_where_it_was() {
    let (log, gate) = (Log::default(), Gate::new());
    let stack = filled(&log);
    let (waiting, opens) = (log.clone(), gate.clone());
    stack.defer(|_outcome| async move {
        waiting.add("waiting");
        opens.passed().await;
    });
    stack.defer(records_name(&log, "first"));
    let mut close = Box::pin(stack.close());
    assert!(poll_once(close.as_mut()).is_pending());
    log.expect(&["enter entered", "first", "waiting"]);
    drop(close);
    gate.open();
    settle().await;
    log.expect(&["deferred", "pushed", "exit entered: completed"]);
}

/// 73. disposeAsync/rejects-with-error-as-is-if-only-one-error-during-disposal;
/// staging/async-disposable-stack-async-dispose-symbol-throws.
#[tokio::test]
async fn a_lone_error_leaves_as_it_is() {
    let lost = LostErrors::with("lone error of a stack");
    let (log, stack) = (Log::default(), Stack::new());
    drop(stack.enter(log.unsure("a")).await.unwrap());
    stack.defer(|_outcome| ready(Err(Failure("lone error of a stack: deferred"))));
    stack.defer(records_name(&log, "b"));
    assert_eq!(stack.close().await, Err(Failure("lone error of a stack: deferred")));
    log.expect(&["enter a", "b", "exit a: failed"]);
    let stack = Stack::new();
    let manager = log.unsure("a").exit_fails(Failure("lone error of a stack: entered"));
    drop(stack.enter(manager).await.unwrap());
    assert_eq!(stack.close().await, Err(Failure("lone error of a stack: entered")));
    assert_eq!(lost.texts(), [""; 0]);
}

/// 74. disposeAsync/rejects-with-suppressederror-if-multiple-errors-during-disposal.
#[tokio::test]
async fn of_several_errors_the_first_leaves_and_the_others_follow_in_their_order() {
    let lost = LostErrors::with("of a stack, error ");
    let stack = Stack::new();
    for error in ["of a stack, error 1", "of a stack, error 2", "of a stack, error 3"] {
        stack.defer(move |_outcome| ready(Err(Failure(error))));
    }
    assert_eq!(stack.close().await, Err(Failure("of a stack, error 3")));
    let others = ["of a stack, error 2", "of a stack, error 1"];
    assert_eq!(lost.texts(), others.map(|error| format!("{:?}", Failure(error))));
}

/// 75. disposeAsync/resolves-to-undefined; see also `tests/ui/stack_deferred_gives_a_value.rs`.
#[tokio::test]
async fn it_gives_nothing() {
    let () = Stack::new().close().await.unwrap();
    let () = filled(&Log::default()).close().await.unwrap();
}

/// 76. disposeAsync/sets-state-to-disposed, disposed/returns-false-when-not-disposed, disposed/returns-true-when-disposed:
/// a closed stack cannot be asked.
#[tokio::test]
async fn a_stack_says_how_much_it_has_to_exit() {
    let mut stack = filled(&Log::default());
    assert_eq!((stack.len(), stack.is_empty()), (3, false));
    let taken = stack.take();
    assert_eq!((stack.len(), stack.is_empty()), (0, true));
    assert_eq!(taken.len(), 3);
    assert!(Stack::new().is_empty());
}

/// 77. disposeAsync/explicit-await-skipped-when-empty, -for-null, -for-undefined: there, `null` costs an await.
#[test]
fn closing_what_need_not_wait_costs_no_poll() {
    assert_eq!(polls(Stack::new().close()), (1, Ok(())));
    let stack = Stack::new();
    drop(polls(stack.enter(None::<Recorder<Failure>>)).1.unwrap());
    assert_eq!(polls(stack.close()), (1, Ok(())));
    assert_eq!(polls(filled(&Log::default()).close()), (1, Ok(())));
    let (log, stack) = (Log::default(), Stack::new());
    drop(polls(stack.enter(log.unsure("a").waits(2))).1.unwrap());
    assert_eq!(polls(stack.close()), (3, Ok(())));
}

/// 84. staging/async-disposable-stack-dispose-sync-calls: JavaScript begins at the call, and so has all exits run.
#[tokio::test]
async fn one_that_is_never_awaited_is_a_drop() {
    let log = Log::default();
    drop(filled(&log).close());
    settle().await;
    log.expect(&["enter entered", "deferred", "pushed", "exit entered: cancelled"]);
}

/// 84. staging/async-disposable-stack-dispose-throws-suppressed-error.
#[tokio::test]
async fn of_two_managers_that_fail_the_first_to_exit_leaves() {
    let lost = LostErrors::with("two managers: ");
    let (log, stack) = (Log::default(), Stack::new());
    for (name, error) in [("1", "two managers: 1"), ("2", "two managers: 2")] {
        drop(stack.enter(log.unsure(name).exit_fails(Failure(error))).await.unwrap());
    }
    assert_eq!(stack.close().await, Err(Failure("two managers: 2")));
    log.expect(&["enter 1", "enter 2", "exit 2: completed", "exit 1: failed"]);
    assert_eq!(lost.texts(), [format!("{:?}", Failure("two managers: 1"))]);
}

/// 84. staging/async-disposable-stack-adopt, -defer: an entered manager between two of another kind.
#[tokio::test]
async fn the_kinds_do_not_part_ways() {
    let (log, stack) = (Log::default(), Stack::new());
    stack.defer(records_name(&log, "42"));
    drop(stack.enter(log.unsure("43")).await.unwrap());
    let pushed = log.clone();
    drop(stack.push("44", |value, _outcome| async move { pushed.add(value) }));
    stack.close().await.unwrap();
    log.expect(&["enter 43", "44", "exit 43: completed", "42"]);
}

/// 85. staging/disposable-stack-re-entry; see also `tests/ui/stack_used_by_its_own_exit.rs`.
#[tokio::test]
async fn an_exit_that_closes_its_own_stack_finds_nothing_to_close() {
    let log = Log::default();
    let shared = Arc::new(Mutex::new(Some(filled(&log))));
    let (own, exit) = (Arc::clone(&shared), log.clone());
    shared.lock().unwrap().as_ref().unwrap().defer(|_outcome| async move {
        exit.add("42");
        let stack = own.lock().unwrap().take();
        assert!(stack.is_none(), "it is being closed");
        Ok(())
    });
    let stack = shared.lock().unwrap().take().unwrap();
    stack.close().await.unwrap();
    log.expect(&["enter entered", "42", "deferred", "pushed", "exit entered: completed"]);
}
