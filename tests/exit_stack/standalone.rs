//! A stack without a block: closed, dropped, sent to others.

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_with::{
    AsyncContextManagerExt, AsyncExitStack, ContextManagerExt, Outcome, async_with, ready, settle,
};
use futures::FutureExt;

use crate::common::log::{Failure, Log};
use crate::common::part::checks::{
    check_exactly_once, check_lifo, check_nothing_lost, dropped_at_every_poll,
};
use crate::common::part::{End, Fault, Leave, Part, Plan, Run, Step, body, install_hook, lost_outside_runs};
use crate::common::trace::{poll_once, yield_once};
use crate::{Stack, closed_stack, three};

// CPython: test_close; test262: disposes-resources-in-reverse-order, use/adopt/defer put on top of the stack.
#[tokio::test]
async fn closed_it_awaits_all_last_in_first_out() {
    let what = "closed";
    let make = |run: &Run| {
        let inner = run.clone();
        closed_stack(three(run), async move { body(&inner, Leave::AtTheEnd).await })
    };
    let whole = dropped_at_every_poll(make, true, what).await;
    assert_eq!(whole.ended, Some(Ok(Ok(Leave::AtTheEnd))));
    let told: Vec<_> = whole.events.into_iter().filter(|event| event.starts_with("exit ")).collect();
    assert_eq!(told, ["exit C: completed", "exit B: completed", "exit A: completed"]);
}

// CPython: test_enter_async_context, test_async_callback, test_async_push: all kinds in one stack, with their arguments.
#[tokio::test]
async fn all_kinds_of_entries_share_one_order() {
    let (run, log) = (Run::new(), Log::default());
    let stack = Stack::new();
    let (first, last) = (run.clone(), run.clone());
    stack.defer(move |outcome| async move { first.trace.log(format!("exit deferred: {outcome}")) });
    let pushed = run.clone();
    let value = stack.push(vec![1], move |value, outcome| async move {
        pushed.trace.log(format!("exit {value:?}: {outcome}"));
        Ok(())
    });
    let mut entered = stack.enter(run.part("A", Plan::ok())).await.unwrap();
    // CPython: test_enter_context, a synchronous one in the asynchronous stack.
    let sync = log.unsure("sync").value(7).into_async().map_err(|Failure(text)| Fault(text.to_owned()));
    let number = stack.enter(sync).await.unwrap();
    stack.defer(move |outcome| async move {
        last.trace.log(format!("exit last: {outcome}"));
        Ok(())
    });
    assert_eq!((stack.len(), stack.is_empty()), (5, false));
    assert_eq!((value.as_slice(), &**entered, *number), (&[1][..], "A", 7));
    assert_eq!((format!("{value:?}"), format!("{entered}")), ("[1]".to_owned(), "A".to_owned()));
    entered.make_ascii_uppercase();
    drop((value, entered, number));
    stack.close().await.unwrap();
    run.expect(&[
        "enter A",
        "entered A",
        "exit last: completed",
        "exit A: completed",
        "exit [1]: completed",
        "exit deferred: completed",
    ]);
    log.expect(&["enter sync", "exit sync: completed"]);
}

// CPython: test_no_resources; test262: explicit-await-skipped-when-empty.
#[tokio::test]
async fn empty_it_suspends_nothing_and_leaves_nothing() {
    assert_eq!(poll_once(pin!(Stack::new().close())), Poll::Ready(Ok(())));
    drop(Stack::default());
    let mut block = pin!(async { async_with!(Stack::new() as stack => stack.is_empty()) });
    assert_eq!(poll_once(block.as_mut()), Poll::Ready(Ok(true)));
    assert_eq!(format!("{:?}", Stack::new()), "AsyncExitStack { len: 0, .. }");
}

#[tokio::test]
async fn dropped_it_hands_all_over_in_order() {
    let run = Run::new();
    let stack = Stack::new();
    for part in run.parts(&[
        Plan::ends(End::Succeeds, End::Fails),
        Plan::ok(),
        Plan::ends(End::Succeeds, End::Panics),
    ]) {
        drop(stack.enter(part).await.unwrap());
    }
    drop(stack);
    assert!(!run.trace.has("exit C: cancelled"), "nothing runs in the drop");
    settle().await;
    let events = run.events();
    check_exactly_once(&events, "dropped");
    check_lifo(&events, "dropped");
    check_nothing_lost(&run, None, "dropped");
    assert!(
        events.iter().filter(|event| event.starts_with("exit ")).all(|told| told.ends_with(": cancelled"))
    );
}

#[tokio::test]
async fn a_close_that_is_never_polled_is_a_drop() {
    let run = Run::new();
    let stack = Stack::new();
    drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
    drop(stack.close());
    settle().await;
    run.expect(&["enter A", "entered A", "exit A: cancelled"]);
}

// CPython: test_exit_raise; test262: rejects-with-error-as-is-if-only-one-error, …-suppressederror-if-multiple.
#[tokio::test]
async fn the_first_error_is_the_result_and_the_others_are_reported_by_part_and_place() {
    let run = Run::new();
    let plan = Plan::ends(End::Succeeds, End::Fails);
    let stack = Stack::new();
    let line = line!() + 1;
    drop(stack.enter(run.part("A", plan)).await.unwrap());
    drop(stack.enter(run.part("B", plan)).await.unwrap());
    drop(stack.enter(run.part("C", Plan::ok())).await);
    assert_eq!(stack.close().await, Err(run.fault("B exit")));
    run.expect(&[
        "enter A",
        "entered A",
        "enter B",
        "entered B",
        "enter C",
        "entered C",
        "exit C: completed",
        "exit B: completed",
        "failed B exit",
        "exit A: failed",
        "failed A exit",
    ]);
    let lost = run.lost();
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].manager, std::any::type_name::<Part>());
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Failed));
}

#[tokio::test]
async fn errors_of_managers_convert() {
    #[derive(Debug)]
    struct Whole(String);
    impl From<Fault> for Whole {
        fn from(fault: Fault) -> Self {
            Self(fault.0)
        }
    }

    let run = Run::new();
    let stack = AsyncExitStack::<Whole>::new();
    let entered = stack.enter(run.part("A", Plan::ends(End::Fails, End::Succeeds))).await;
    assert!(entered.unwrap_err().0.contains("A enter"));
    drop(stack.enter(run.part("B", Plan::ends(End::Succeeds, End::Fails))).await);
    assert_eq!(stack.len(), 1, "what could not be entered is not in the stack");
    assert!(stack.close().await.unwrap_err().0.contains("B exit"));
    let anyhow = AsyncExitStack::<anyhow::Error>::new();
    let number = anyhow.enter(ready(1)).await.unwrap();
    assert_eq!(*number, 1);
    drop(number);
    drop(anyhow.enter(run.part("C", Plan::ok())).await.unwrap());
    anyhow.close().await.unwrap();
}

#[tokio::test]
async fn an_enter_that_is_dropped_half_way_leaves_nothing() {
    let run = Run::new();
    let stack = Stack::new();
    drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
    {
        let mut entering = Box::pin(stack.enter(run.part("B", Plan::ok())));
        assert!(poll_once(entering.as_mut()).is_pending());
    }
    assert_eq!(stack.len(), 1);
    drop(stack.enter(run.part("C", Plan::ok())).await.unwrap());
    stack.close().await.unwrap();
    run.expect(&[
        "enter A",
        "entered A",
        "enter B",
        "enter C",
        "entered C",
        "exit C: completed",
        "exit A: completed",
    ]);
}

#[tokio::test]
async fn an_enter_that_panics_leaves_nothing() {
    let run = Run::new();
    let stack = Stack::new();
    let panics = stack.enter(run.part("A", Plan::ends(End::Panics, End::Succeeds)));
    assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
    assert!(stack.is_empty());
    stack.close().await.unwrap();
}

#[tokio::test]
async fn entered_concurrently_it_exits_in_the_reverse_of_the_order_of_the_ends() {
    let run = Run::new();
    let slow = Plan { enter: Step::new(5, End::Succeeds), ..Plan::ok() };
    let stack = Stack::new();
    let (a, b) = tokio::join!(stack.enter(run.part("A", slow)), stack.enter(run.part("B", Plan::ok())));
    assert_eq!((a.unwrap().as_str(), b.unwrap().as_str()), ("A", "B"));
    stack.close().await.unwrap();
    run.expect(&["enter A", "enter B", "entered B", "entered A", "exit A: completed", "exit B: completed"]);
}

#[tokio::test]
async fn sent_to_another_task_it_is_closed_there() {
    let run = Run::new();
    let stack = Stack::new();
    drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
    let there = run.clone();
    let task = tokio::spawn(async move {
        drop(stack.enter(there.part("B", Plan::ok())).await?);
        yield_once().await;
        stack.close().await
    });
    task.await.unwrap().unwrap();
    run.expect(&["enter A", "entered A", "enter B", "entered B", "exit B: completed", "exit A: completed"]);
}

/// One loss, one report, and it says where the block is.
#[test]
fn destroyed_with_its_runtime_it_is_reported_once() {
    async fn in_a_block() {
        async_with!(AsyncExitStack::<Infallible>::new() as stack => {
            stack.defer(|_outcome| pending::<()>());
            stack.defer(|_outcome| async {});
        });
    }

    async fn closed() {
        let stack = AsyncExitStack::<Infallible>::new();
        stack.defer(|_outcome| pending::<()>());
        let Ok(()) = stack.close().await;
    }

    install_hook();
    for (name, lines) in [("in a block", line!() - 15..line!() - 8), ("closed", line!() - 8..line!() - 2)] {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if name == "closed" {
            runtime.spawn(closed());
        } else {
            runtime.spawn(in_a_block());
        }
        runtime.block_on(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        drop(runtime);
        let lost: Vec<_> =
            lost_outside_runs().into_iter().filter(|lost| lost.error.contains("shut down")).collect();
        assert!(lost.iter().all(|lost| lost.file == file!()), "{name}: {lost:?}");
        let here = lost.iter().filter(|lost| lines.contains(&lost.line)).count();
        assert_eq!(here, 1, "{name}, {lines:?}: {lost:?}");
    }
}

#[test]
fn made_outside_a_runtime_it_is_used_in_one_or_in_none() {
    let run = Run::new();
    let stack = Stack::new();
    smol::block_on(async { drop(stack.enter(run.part("A", Plan::ok())).await) });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let on = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&on);
    stack.defer(move |_outcome| async move {
        *seen.lock().unwrap() = Some(std::thread::current().id());
    });
    // Dropped in the runtime, it is the runtime's.
    runtime.block_on(async move {
        drop(stack);
        settle().await;
    });
    assert_eq!(*on.lock().unwrap(), Some(std::thread::current().id()));
    run.expect(&["enter A", "entered A", "exit A: cancelled"]);
    // Dropped outside, it is the background thread's.
    let run = Run::new();
    let stack = Stack::new();
    smol::block_on(async { drop(stack.enter(run.part("A", Plan::ok())).await) });
    drop(stack);
    smol::block_on(settle());
    run.expect(&["enter A", "entered A", "exit A: cancelled"]);
}
