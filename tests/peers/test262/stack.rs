//! `AsyncExitStack`, which JavaScript calls `AsyncDisposableStack`: `enter` is its `use`, `push` its `adopt`, `take` its `move`
//! and `close` its `disposeAsync`.

use std::future::ready;
use std::sync::{Arc, Mutex};

use async_with::{AsyncExitStack, Outcome, async_with, settle};

use super::{polls, sync};
use crate::common::log::{Failure, Log, LostErrors, Recorder};
use crate::common::trace::{Gate, poll_once};

type Stack = AsyncExitStack<Failure>;

/// Writes `name` down when it is called, and ends at once.
fn records_name(log: &Log, name: &'static str) -> impl FnOnce(Outcome) -> std::future::Ready<()> + use<> {
    let log = log.clone();
    move |_outcome| {
        log.add(name);
        ready(())
    }
}

/// What entries of all three kinds do.
fn filled(log: &Log) -> Stack {
    let stack = Stack::new();
    drop(futures::FutureExt::now_or_never(stack.enter(log.unsure("entered"))).unwrap());
    let pushed = log.clone();
    drop(stack.push("pushed", |value, _outcome| async move { pushed.add(value) }));
    stack.defer(records_name(log, "deferred"));
    stack
}

mod entries {
    use super::*;

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
}

mod close {
    use super::*;

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
}

mod take {
    use super::*;

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
}
