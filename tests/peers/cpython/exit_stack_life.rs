//! `AsyncExitStack`: closed, moved out, cancelled and used again.

use std::convert::Infallible;

use async_with::{AsyncExitStack, async_with, settle};

use crate::common::log::{Failure, Log};
use crate::common::trace::{Gate, Trace, Traced, cut_at, yield_once};

type Stack = AsyncExitStack<Infallible>;

fn defer(stack: &Stack, log: &Log, event: &'static str) {
    let log = log.clone();
    stack.defer(move |outcome| async move {
        yield_once().await;
        log.add(format!("{event}: {outcome}"));
    });
}

// CPython: TestAsyncExitStack.test_close.
#[tokio::test]
async fn closed_in_mid_body_the_body_goes_on_and_nothing_is_exited_twice() {
    let log = Log::default();
    async_with!(Stack::new() as stack => {
        defer(stack, &log, "1");
        let Ok(()) = stack.take().close().await;
        log.add("2");
    });
    log.expect(&["1: completed", "2"]);
}

// CPython: TestAsyncExitStack.test_pop_all.
#[tokio::test]
async fn what_is_moved_out_is_exited_with_its_new_owner() {
    let log = Log::default();
    let moved = async_with!(Stack::new() as stack => {
        defer(stack, &log, "3");
        let moved = stack.take();
        log.add("1");
        moved
    });
    log.add("2");
    let Ok(()) = moved.close().await;
    log.expect(&["1", "2", "3: completed"]);
}

fn three(trace: &Trace, gate: &Gate) -> [Traced; 3] {
    [Traced::new("A", trace), Traced::new("B", trace).exit_waits(gate), Traced::new("C", trace)]
}

// Observed on CPython 3.13: cancelled in mid-unwinding, the rest of that exit is skipped, and the remaining ones run, told of
// the cancellation. Here that exit runs on; nested blocks are then told `Cancelled`, and a stack, which is one block, tells
// the others what it would have told them.
#[tokio::test]
async fn cancelled_while_unwinding_the_remaining_exits_run_to_their_end() {
    async fn stack([a, b, c]: [Traced; 3]) -> Result<(), &'static str> {
        async_with!(AsyncExitStack::<&str>::new() as stack => {
            for manager in [a, b, c] {
                drop(stack.enter(manager).await?);
            }
        })
    }

    async fn nested([a, b, c]: [Traced; 3]) -> Result<(), &'static str> {
        async_with!(a, b, c => {})
    }

    for (in_stack, told) in [(true, "exit A: completed"), (false, "exit A: cancelled")] {
        let (trace, gate) = (Trace::new(), Gate::new());
        let managers = three(&trace, &gate);
        if in_stack {
            cut_at(stack(managers), &trace, "exit B: completed").await;
        } else {
            cut_at(nested(managers), &trace, "exit B: completed").await;
        }
        assert!(!trace.has("exited B"));
        gate.open();
        settle().await;
        assert_eq!(
            trace.events()[6..],
            ["exit C: completed", "exited C", "exit B: completed", "exited B", told, "exited A"]
        );
    }
}

// Observed on CPython 3.13: what an exit registers in the stack that is being unwound is run next. Here a stack cannot be used
// by its own exits, see tests/ui/stack_used_by_its_own_exit.rs; an exit that has more to clean up has a stack of its own.
#[tokio::test]
async fn what_an_exit_adds_to_a_stack_of_its_own_runs_next() {
    let log = Log::default();
    let stack = Stack::new();
    defer(&stack, &log, "below");
    let in_exit = log.clone();
    stack.defer(|_outcome| async move {
        let own = Stack::new();
        defer(&own, &in_exit, "registered while unwinding");
        in_exit.add("unwinding");
        own.close().await
    });
    let Ok(()) = stack.close().await;
    log.expect(&["unwinding", "registered while unwinding: completed", "below: completed"]);
}

// Observed on CPython 3.13: closing twice is harmless, and the stack may be used again. Here `close` takes the stack, see
// tests/ui/stack_closed_twice.rs; what closes it and keeps it is `take().close()`.
#[tokio::test]
async fn a_stack_may_be_emptied_twice_and_used_again() {
    let log = Log::default();
    let mut stack = Stack::new();
    defer(&stack, &log, "first");
    for _ in 0..2 {
        let Ok(()) = stack.take().close().await;
        log.add("emptied");
    }
    defer(&stack, &log, "second");
    let Ok(()) = stack.close().await;
    log.expect(&["first: completed", "emptied", "emptied", "second: completed"]);
}

// Observed on CPython 3.13: `pop_all`, then an error: nothing is exited.
#[tokio::test]
async fn what_was_moved_out_survives_a_failure_of_the_block() {
    async fn run(log: &Log, saved: &mut Option<Stack>) -> Result<(), Failure> {
        async_with!(Stack::new() as stack => {
            defer(stack, log, "moved out");
            *saved = Some(stack.take());
            Err(Failure("too late"))?
        });
        Ok(())
    }

    let (log, mut saved) = (Log::default(), None);
    assert_eq!(run(&log, &mut saved).await, Err(Failure("too late")));
    log.expect(&[]);
    let Ok(()) = saved.expect("it was moved out").close().await;
    log.expect(&["moved out: completed"]);
}

// Observed on CPython 3.13: entered again in its own block, a stack is unwound whole by the inner block. Here a stack is moved
// into its block; the inner block takes what is in it.
#[tokio::test]
async fn an_inner_block_over_what_is_in_the_stack_unwinds_all_of_it() {
    let log = Log::default();
    async_with!(Stack::new() as stack => {
        defer(stack, &log, "outer");
        async_with!(stack.take() as same => { defer(same, &log, "inner") });
        log.add("between");
        assert!(stack.is_empty());
        defer(stack, &log, "later");
    });
    log.expect(&["inner: completed", "outer: completed", "between", "later: completed"]);
}
