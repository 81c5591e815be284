//! `enter`, `push` and `defer`.

use std::future::ready;
use std::sync::Arc;

use async_with::Outcome;

use super::super::sync;
use super::{Stack, records_name};
use crate::common::log::{Failure, Log, Recorder};

/// 58. use/puts-value-on-top-of-stack.
#[tokio::test]
async fn what_is_entered_last_exits_first() {
    let (log, stack) = (Log::default(), Stack::new());
    drop(stack.enter(log.unsure("1")).await.unwrap());
    drop(stack.enter(sync(log.unsure("2"))).await.unwrap());
    stack.close().await.unwrap();
    log.expect(&["enter 1", "enter 2", "exit 2: completed", "exit 1: completed"]);
}

/// 59. adopt/puts-value-onDisposeAsync-on-top-of-stack.
#[tokio::test]
async fn what_is_pushed_last_exits_first_each_with_its_value() {
    let (log, stack) = (Log::default(), Stack::new());
    let (first, second) = (log.clone(), log.clone());
    drop(stack.push(1, |value, _outcome| async move { first.add(format!("first: {value}")) }));
    drop(stack.push(2, move |value, _outcome| {
        second.add(format!("second: {value}"));
        ready(())
    }));
    stack.close().await.unwrap();
    log.expect(&["second: 2", "first: 1"]);
}

/// 60. defer/puts-onDisposeAsync-on-top-of-stack.
#[tokio::test]
async fn what_is_deferred_last_is_called_first() {
    let (log, stack) = (Log::default(), Stack::new());
    let first = log.clone();
    stack.defer(|_outcome| async move { first.add("1") });
    stack.defer(records_name(&log, "2"));
    stack.close().await.unwrap();
    log.expect(&["2", "1"]);
}

/// 61. use/adds-async-disposable-value; staging/async-disposable-stack-dispose.
#[tokio::test]
async fn an_asynchronous_manager_can_be_entered() {
    let (log, stack) = (Log::default(), Stack::new());
    drop(stack.enter(log.unsure("a").waits(1)).await.unwrap());
    log.expect(&["enter a", "a waited 1"]);
    stack.close().await.unwrap();
    log.expect(&["exit a: completed", "a waited 1"]);
}

/// 62. use/adds-sync-disposable-value.
#[tokio::test]
async fn a_synchronous_manager_can_be_entered() {
    let (log, stack) = (Log::default(), Stack::new());
    drop(stack.enter(sync(log.unsure("a"))).await.unwrap());
    log.expect(&["enter a"]);
    stack.close().await.unwrap();
    log.expect(&["exit a: completed"]);
}

/// 63. use/returns-value.
#[tokio::test]
async fn entering_lends_the_value() {
    let (log, stack) = (Log::default(), Stack::new());
    let entered = stack.enter(log.unsure("a").value(1)).await.unwrap();
    let synchronous = stack.enter(sync(log.unsure("b").value(2))).await.unwrap();
    let none = stack.enter(None::<Recorder<Failure>>).await.unwrap();
    assert_eq!((*entered, *synchronous, *none), (1, 2, None));
}

/// 64. use/allows-null-value, use/allows-undefined-value.
#[tokio::test]
async fn no_manager_can_be_entered() {
    let stack = Stack::new();
    drop(stack.enter(None::<Recorder<Failure>>).await.unwrap());
    stack.close().await.unwrap();
}

/// 65. adopt/adds-value-onDisposeAsync.
#[tokio::test]
async fn what_is_pushed_is_exited_as_its_user_left_it() {
    let (log, stack) = (Log::default(), Stack::new());
    let exit = log.clone();
    let mut value = stack.push(vec![1], |value, _outcome| async move { exit.add(format!("{value:?}")) });
    value.push(2);
    drop(value);
    log.expect(&[]);
    stack.close().await.unwrap();
    log.expect(&["[1, 2]"]);
}

/// 66. adopt/allows-any-value.
#[tokio::test]
async fn anything_can_be_pushed_even_a_manager_which_is_not_entered() {
    async fn exit<V>(_value: V, _outcome: Outcome) {}

    let (log, stack) = (Log::default(), Stack::new());
    drop(stack.push((), exit));
    drop(stack.push(None::<()>, exit));
    drop(stack.push(log.unsure("a"), exit));
    drop(stack.push(|| 5, exit));
    drop(stack.push(true, exit));
    drop(stack.push(1.5, exit));
    drop(stack.push("text", exit));
    drop(stack.push(Stack::new(), exit));
    assert_eq!(stack.len(), 8);
    stack.close().await.unwrap();
    log.expect(&[]);
}

/// 67. adopt/returns-value.
#[test]
fn pushing_lends_the_value() {
    let stack = Stack::new();
    let value = Arc::new(5);
    let pushed = stack.push(Arc::clone(&value), |_value, _outcome| ready(()));
    assert!(Arc::ptr_eq(&pushed, &value));
    assert_eq!(*stack.push(None::<u8>, |_value, _outcome| ready(())), None);
    let () = *stack.push((), |_value, _outcome| ready(()));
}

/// 68. defer/adds-onDisposeAsync.
#[tokio::test]
async fn what_is_deferred_is_called_at_the_end() {
    let (log, stack) = (Log::default(), Stack::new());
    stack.defer(records_name(&log, "called"));
    log.expect(&[]);
    stack.close().await.unwrap();
    log.expect(&["called"]);
}

/// 69. defer/returns-undefined.
#[test]
fn deferring_gives_nothing() {
    let () = Stack::new().defer(|_outcome| ready(()));
}
