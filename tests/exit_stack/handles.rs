//! The handles of what is in a stack.

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;

use async_with::{AsyncExitStack, Entered, Outcome, async_with, settle};
use futures::FutureExt;

use crate::Stack;
use crate::common::log::Lost;
use crate::common::part::{Fault, Leave, Part, Plan, Run, body, install_hook, lost_outside_runs};
use crate::common::trace::poll_once;

/// A value that the exit gets is one that no handle holds.
#[tokio::test]
async fn give_their_values_back_before_the_exits() {
    for leave in Leave::ALL {
        let run = Run::new();
        let inner = run.clone();
        let block = async move {
            async_with!(Stack::new() as stack => {
                let exiting = inner.clone();
                let mut value = stack.push(1, move |value, outcome| async move {
                    exiting.trace.log(format!("exit {value}: {outcome}"));
                });
                *value += 1;
                body(&inner, leave).await?;
                *value += 1;
            })?;
            Ok::<(), Fault>(())
        };
        drop(AssertUnwindSafe(block).catch_unwind().await);
        let value = if matches!(leave, Leave::Fail | Leave::Panic) { 2 } else { 3 };
        let told = if value == 2 { leave.outcome() } else { Outcome::Completed };
        run.expect(&["body", &format!("exit {value}: {told}")]);
    }
}

#[tokio::test]
async fn that_are_alive_when_the_block_is_cut_give_their_values_back() {
    let run = Run::new();
    let (inner, exiting) = (run.clone(), run.clone());
    let mut block = Box::pin(async move {
        async_with!(Stack::new() as stack => {
            let _value = stack.push(inner.trace.clone(), move |value, outcome| async move {
                value.log(format!("exit: {outcome}"));
                drop(exiting);
            });
            pending::<()>().await;
        })
    });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    settle().await;
    run.expect(&["exit: cancelled"]);
}

#[tokio::test]
async fn that_are_leaked_are_reported() {
    install_hook();
    let run = Run::new();
    let stack = Stack::new();
    drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
    let line = line!() + 1;
    std::mem::forget(stack.enter(run.part("B", Plan::ok())).await.unwrap());
    stack.close().await.unwrap();
    run.expect(&["enter A", "entered A", "enter B", "entered B", "exit A: completed"]);
    let leaked = |lost: &Lost| lost.error.contains("leaked") && (lost.file, lost.line) == (file!(), line);
    let lost: Vec<_> = lost_outside_runs().into_iter().filter(leaked).collect();
    assert_eq!(lost.len(), 1, "{:?}", lost_outside_runs());
    assert_eq!((lost[0].manager, lost[0].outcome), (std::any::type_name::<Part>(), Outcome::Completed));
}

#[test]
fn are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    fn check_handle<T: Send + Sync>(_: &T) {}
    check::<Stack>();
    check::<AsyncExitStack<Infallible>>();
    let stack = AsyncExitStack::<Infallible>::new();
    let handle: Entered<'_, u8> = stack.push(1, |_, _| async {});
    check_handle(&handle);
}
