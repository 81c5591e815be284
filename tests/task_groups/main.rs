//! The manager `TaskGroup`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod a_body_that_fails;
mod cancellation;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod failure;
mod nesting;
mod success;

use std::convert::Infallible;
use std::future::{pending, ready};
use std::sync::Arc;

use async_with::async_with;
use async_with::managers::{Child, ChildError, NoOutput, Spawner, TaskGroup};
use futures::future::join_all;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::common::trace::{Gate, Trace};

type Group = Spawner<Failure>;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
struct Failure(&'static str);

/// Records its end: `NAME ended`, or `NAME dropped`.
async fn child(name: &'static str, trace: Trace, gate: Gate) -> Result<&'static str, Failure> {
    let unfinished = scopeguard::guard(trace, |trace| trace.log(format!("{name} dropped")));
    gate.passed().await;
    scopeguard::ScopeGuard::into_inner(unfinished).log(format!("{name} ended"));
    Ok(name)
}

/// One that ends only by being aborted. It has begun when this returns.
async fn endless(group: &Group, name: &'static str, trace: &Trace) -> Child<&'static str> {
    let (begun, is_begun) = oneshot::channel();
    let run = child(name, trace.clone(), Gate::new());
    let child = group.spawn(async move {
        begun.send(()).unwrap();
        run.await
    });
    is_begun.await.unwrap();
    child
}

fn opened() -> Gate {
    let gate = Gate::new();
    gate.open();
    gate
}

fn failed<T>(block: Result<T, ChildError<Failure>>) -> Option<&'static str> {
    match block.err()? {
        ChildError::Failed(Failure(text)) => Some(text),
        _ => None,
    }
}

async fn some_turns() {
    for _ in 0..20 {
        yield_now().await;
    }
}

mod one_child {
    use super::*;

    #[tokio::test]
    async fn may_be_aborted_without_the_group_failing() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let block = async_with!(TaskGroup::new() as group => {
            let a = endless(group, "A", &trace).await;
            let b = group.spawn(child("B", trace.clone(), gate.clone()));
            a.abort();
            assert_eq!(a.await, Err(NoOutput::Aborted));
            gate.open();
            b.await
        });
        assert_eq!(block.unwrap(), Ok("B"));
        assert_eq!(trace.events(), ["A dropped", "B ended"]);
    }

    #[tokio::test]
    async fn that_has_succeeded_keeps_its_value_when_it_is_aborted() {
        let block = async_with!(TaskGroup::<Infallible>::new() as group => {
            let five = group.spawn(async { Ok(5) });
            some_turns().await;
            five.abort();
            five.await
        });
        assert_eq!(block.unwrap(), Ok(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_groups_fail_on_many_threads_and_leave_nothing_behind() {
    let alive = Arc::new(());
    for round in 0..200_u32 {
        let mut handles = Vec::new();
        let block = async_with!(TaskGroup::new() as group => {
            for number in 0..20 {
                let (alive, group_too) = (Arc::clone(&alive), group.clone());
                handles.push(group.spawn(async move {
                    for _ in 0..number % 7 {
                        yield_now().await;
                    }
                    if number == round % 20 {
                        return Err(number);
                    }
                    group_too.spawn(ready(Ok(())));
                    drop(alive);
                    Ok(number)
                }));
            }
            if round % 2 == 0 {
                pending::<()>().await;
            }
        });
        assert!(matches!(block, Err(ChildError::Failed(number)) if number == round % 20), "{block:?}");
        assert_eq!(Arc::strong_count(&alive), 1, "no child is left");
        let values = join_all(handles).await;
        assert_eq!(values[round as usize % 20], Err(NoOutput::Ended));
    }
}
