//! `take`.

use async_with::settle;

use super::{Stack, filled, records_name};
use crate::common::log::Log;

/// 78. move/returns-new-asyncdisposablestack-that-contains-moved-resources; move/returns-new-asyncdisposablestack.
#[tokio::test]
async fn the_new_stack_has_the_entries() {
    let (log, mut stack) = (Log::default(), Stack::new());
    let first = log.clone();
    stack.defer(|_outcome| async move { first.add("1") });
    stack.defer(records_name(&log, "2"));
    let taken = stack.take();
    log.expect(&[]);
    taken.close().await.unwrap();
    log.expect(&["2", "1"]);
}

/// 79. move/returns-new-asyncdisposablestack-that-is-still-pending.
#[tokio::test]
async fn the_new_stack_can_be_added_to() {
    let log = Log::default();
    let taken = Stack::new().take();
    taken.defer(records_name(&log, "added"));
    taken.close().await.unwrap();
    log.expect(&["added"]);
}

/// 80. move/does-not-dispose-resources.
#[tokio::test]
async fn nothing_is_exited_by_it_nor_by_the_end_of_the_old_stack() {
    let log = Log::default();
    let mut stack = filled(&log);
    let taken = stack.take();
    stack.close().await.unwrap();
    settle().await;
    log.expect(&["enter entered"]);
    taken.close().await.unwrap();
    log.expect(&["deferred", "pushed", "exit entered: completed"]);
}

/// 81. move/sets-state-to-disposed: here the old stack is empty and can be used, as in Python.
#[tokio::test]
async fn the_old_stack_is_empty_and_can_be_used() {
    let log = Log::default();
    let mut stack = filled(&log);
    let taken = stack.take();
    assert!(stack.is_empty());
    stack.defer(records_name(&log, "of the old one"));
    stack.close().await.unwrap();
    log.expect(&["enter entered", "of the old one"]);
    taken.close().await.unwrap();
    log.expect(&["deferred", "pushed", "exit entered: completed"]);
}

/// 84. staging/async-disposable-stack-move: it is another stack, and each has its own entries.
#[tokio::test]
async fn what_is_added_to_one_stack_is_not_in_the_other() {
    let log = Log::default();
    let mut stack = filled(&log);
    let taken = stack.take();
    stack.defer(records_name(&log, "old"));
    taken.defer(records_name(&log, "new"));
    assert_eq!((stack.len(), taken.len()), (1, 4));
    taken.close().await.unwrap();
    log.expect(&["enter entered", "new", "deferred", "pushed", "exit entered: completed"]);
    stack.close().await.unwrap();
    log.expect(&["old"]);
}
