//! Tasks that come to a point and stay there.

use std::future::pending;

use async_with::{AsyncContextManagerExt, AsyncExitStack, Outcome, async_with};
use futures::future::BoxFuture;

use crate::common::trace::{Gate, Trace, Traced, cut_at};

pub struct Case {
    pub what: &'static str,
    /// The gate stays closed.
    pub task: fn(Trace, Gate) -> BoxFuture<'static, Result<(), &'static str>>,
    pub point: &'static str,
    /// What happens to it when its runtime ends.
    pub events: &'static [&'static str],
    /// What the exits had been told that are then reported.
    pub lost: &'static [Outcome],
}

pub async fn endless(trace: &Trace) {
    trace.step("body").await;
    pending::<()>().await;
}

pub const CASES: [Case; 11] = [
    Case {
        what: "in its enter",
        task: |trace, gate| {
            let manager = Traced::new("A", &trace).enter_waits(&gate);
            Box::pin(async move { async_with!(manager => { endless(&trace).await }) })
        },
        point: "enter A",
        events: &["enter A dropped"],
        lost: &[],
    },
    Case {
        what: "in an enter that is to be finished",
        task: |trace, gate| {
            let manager = Traced::new("A", &trace).enter_waits(&gate).finish_enter();
            Box::pin(async move { async_with!(manager => { endless(&trace).await }) })
        },
        point: "enter A",
        events: &["enter A dropped"],
        lost: &[Outcome::Cancelled],
    },
    Case {
        what: "in its body",
        task: |trace, _| {
            Box::pin(async move { async_with!(Traced::new("A", &trace) => { endless(&trace).await }) })
        },
        point: "body",
        events: &[],
        lost: &[Outcome::Cancelled],
    },
    Case {
        what: "in the body of an inner block",
        task: |trace, _| {
            Box::pin(async move {
                async_with!(Traced::new("A", &trace), Traced::new("B", &trace) => {
                    async_with!(Traced::new("C", &trace) => { endless(&trace).await })?;
                })
            })
        },
        point: "body",
        events: &[],
        lost: &[Outcome::Cancelled, Outcome::Cancelled, Outcome::Cancelled],
    },
    Case {
        what: "in its exit",
        task: |trace, gate| {
            let manager = Traced::new("A", &trace).exit_waits(&gate);
            Box::pin(async move { async_with!(manager => {}) })
        },
        point: "exit A: completed",
        events: &["exit A dropped"],
        lost: &[Outcome::Completed],
    },
    Case {
        what: "in the exit of an inner block",
        task: |trace, gate| {
            let inner = Traced::new("B", &trace).exit_waits(&gate);
            Box::pin(async move {
                async_with!(Traced::new("A", &trace) => {
                    async_with!(inner => { Err("the body failed")? })?;
                })
            })
        },
        point: "exit B: failed",
        events: &["exit B dropped"],
        lost: &[Outcome::Failed, Outcome::Cancelled],
    },
    Case {
        what: "in a detached exit",
        task: |trace, gate| {
            let manager = Traced::new("A", &trace).exit_waits(&gate);
            Box::pin(async move {
                cut_at(async { async_with!(manager => { endless(&trace).await }) }, &trace, "body").await;
                Ok(())
            })
        },
        point: "exit A: cancelled",
        events: &["exit A dropped"],
        lost: &[Outcome::Cancelled],
    },
    Case {
        what: "in a detached exit for which others wait",
        task: |trace, gate| {
            let (outer, inner) = (Traced::new("A", &trace), Traced::new("B", &trace).exit_waits(&gate));
            Box::pin(async move {
                cut_at(async { async_with!(outer, inner => { endless(&trace).await }) }, &trace, "body")
                    .await;
                Ok(())
            })
        },
        point: "exit B: cancelled",
        events: &["exit B dropped"],
        lost: &[Outcome::Cancelled, Outcome::Cancelled],
    },
    Case {
        what: "in a body in which an exit is detached",
        task: |trace, gate| {
            let inner = Traced::new("B", &trace).exit_waits(&gate);
            Box::pin(async move {
                async_with!(Traced::new("A", &trace) => {
                    cut_at(async { async_with!(inner => {}) }, &trace, "exit B: completed").await;
                    endless(&trace).await
                })
            })
        },
        point: "body",
        events: &["exit B dropped"],
        lost: &[Outcome::Completed, Outcome::Cancelled],
    },
    Case {
        what: "in a stack",
        task: |trace, _| {
            Box::pin(async move {
                let stack = AsyncExitStack::<String>::new();
                drop(stack.enter(Traced::new("A", &trace)).await);
                drop(stack.enter(Traced::new("B", &trace)).await);
                endless(&trace).await;
                Ok(())
            })
        },
        point: "body",
        events: &[],
        // The stack is reported, not what is in it.
        lost: &[Outcome::Cancelled],
    },
    Case {
        what: "after its exit",
        task: |trace, _| {
            Box::pin(async move {
                async_with!(Traced::new("A", &trace) => {})?;
                endless(&trace).await;
                Ok(())
            })
        },
        point: "body",
        events: &[],
        lost: &[],
    },
];
