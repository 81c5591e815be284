//! Groups in groups, and blocks in children.

use std::future::pending;

use async_with::managers::TaskGroup;
use async_with::{AsyncContextManagerExt, async_with, settle};

use crate::common::trace::{Gate, Trace, Traced, cut_at};
use crate::{Failure, child, endless, failed, opened, some_turns};

// CPython's `test_taskgroup_14` to `_16`.
#[tokio::test]
async fn the_failure_of_an_inner_group_is_a_value_to_the_outer_body() {
    let trace = Trace::new();
    let outer = async_with!(TaskGroup::new() as outer => {
        let a = outer.spawn(child("A", trace.clone(), opened()));
        let inner = async_with!(TaskGroup::new() as inner => {
            inner.spawn(async { Err::<(), _>(Failure("failed inside")) });
            pending::<()>().await;
        });
        assert_eq!(failed(inner), Some("failed inside"));
        a.await
    });
    assert_eq!(outer.unwrap(), Ok("A"));
}

// CPython's `test_nested_groups_both_cancelled`.
#[tokio::test]
async fn the_failure_of_an_outer_group_ends_the_inner_one_first() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let fail = gate.clone();
    let outer = async_with!(TaskGroup::new() as outer => {
        outer.spawn(async move {
            fail.passed().await;
            Err::<(), _>(Failure("failed outside"))
        });
        let inner = async_with!(TaskGroup::new() as inner => {
            let _a = endless(inner, "A", &trace).await;
            gate.open();
            pending::<()>().await;
        });
        trace.log(format!("the inner one gave {inner:?}"));
    });
    assert_eq!(failed(outer), Some("failed outside"));
    assert_eq!(trace.events(), ["A dropped"], "and it is dropped before the outer block has ended");
}

#[tokio::test]
async fn a_group_in_a_child_of_a_group_ends_with_it() {
    let trace = Trace::new();
    let in_child = trace.clone();
    let outer = async_with!(TaskGroup::new() as outer => {
        outer.spawn(async move {
            async_with!(TaskGroup::new() as inner => {
                let _a = endless(inner, "A", &in_child).await;
                in_child.log("inner body");
                pending::<()>().await;
            })
            .map_err(|_| Failure("inner"))
        });
        trace.reached("inner body").await;
        Err::<(), _>(Failure("the outer body failed"))
    });
    assert_eq!(outer.unwrap(), Err(Failure("the outer body failed")));
    assert_eq!(trace.events(), ["inner body", "A dropped"]);
}

/// A child whose block takes its time to be exited.
async fn with_slow_exit(trace: Trace, gate: Gate) -> Result<(), Failure> {
    async_with!(Traced::new("inner", &trace).exit_waits(&gate).map_err(Failure) => {
        trace.step("child").await;
        pending::<()>().await;
    })
}

#[tokio::test]
async fn the_exit_waits_for_the_blocks_in_aborted_children() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("lock", &trace) => {
            let group = async_with!(TaskGroup::new() as group => {
                group.spawn(with_slow_exit(trace.clone(), gate.clone()));
                trace.reached("child").await;
                Err::<(), _>(Failure("failed"))
            });
            trace.log("group over");
            assert_eq!(group.unwrap(), Err(Failure("failed")));
        })
    };
    let opener = async {
        trace.reached("exit inner: cancelled").await;
        some_turns().await;
        assert!(!trace.has("group over"));
        gate.open();
    };
    tokio::join!(blocks, opener).0.unwrap();
    assert_eq!(
        trace.events()[5..],
        ["exit inner: cancelled", "exited inner", "group over", "exit lock: completed", "exited lock"]
    );
}

#[tokio::test]
async fn it_does_so_detached_as_well() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("lock", &trace) => {
            async_with!(TaskGroup::new() as group => {
                group.spawn(with_slow_exit(trace.clone(), gate.clone()));
                trace.reached("child").await;
                trace.step("body").await;
                pending::<()>().await;
            })
        })
    };
    cut_at(blocks, &trace, "body").await;
    trace.reached("exit inner: cancelled").await;
    some_turns().await;
    assert!(!trace.has("exit lock: cancelled"));
    gate.open();
    settle().await;
    assert_eq!(
        trace.events()[6..],
        ["exit inner: cancelled", "exited inner", "exit lock: cancelled", "exited lock"]
    );
}
