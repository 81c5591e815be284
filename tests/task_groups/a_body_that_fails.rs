//! A body that fails.

use std::sync::Arc;

use async_with::managers::{ChildError, TaskGroup};
use async_with::{Outcome, async_with};
use tokio::sync::Notify;
use tokio::task::yield_now;

use crate::common::trace::{Trace, losses};
use crate::{Failure, endless};

// CPython's `test_taskgroup_07`, `_08`, `test_taskgroup_11`.
#[tokio::test]
async fn has_its_children_aborted_and_reaped() {
    async fn leave(way: &str, trace: &Trace) -> anyhow::Result<()> {
        async_with!(TaskGroup::new() as group => {
            let _a = endless(group, "A", trace).await;
            let _b = endless(group, "B", trace).await;
            match way {
                "?" => Err(anyhow::anyhow!("failed"))?,
                "return" => return Err(anyhow::anyhow!("failed")),
                _ => panic!("a body that panics"),
            }
        })
        .map_err(|error: ChildError<Failure>| anyhow::anyhow!("{error:?}"))
    }

    for way in ["?", "return", "panic"] {
        let trace = Trace::new();
        let in_task = trace.clone();
        let task = tokio::spawn(async move {
            let left = leave(way, &in_task).await;
            in_task.log("left");
            left
        });
        let ended = task.await;
        let mut events = trace.events();
        if way == "panic" {
            assert!(ended.unwrap_err().is_panic());
        } else {
            assert_eq!(ended.unwrap().unwrap_err().to_string(), "failed");
            assert_eq!(events.pop().as_deref(), Some("left"));
        }
        events.sort();
        assert_eq!(events, ["A dropped", "B dropped"], "{way}");
    }
}

#[tokio::test]
async fn wins_over_children_that_fail_meanwhile() {
    let losses = losses();
    let (go, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (going, going_on) = (Arc::clone(&go), Arc::clone(&gone));
    let block = async_with!(TaskGroup::new() as group => {
        group.spawn(async move {
            going.notified().await;
            going_on.notify_one();
            Err::<(), _>(Failure("fails beside its body"))
        });
        yield_now().await;
        go.notify_one();
        // Without a turn for the interrupt between the child's failure and the body's.
        tokio::task::unconstrained(gone.notified()).await;
        Err::<(), _>(Failure("the body failed"))
    });
    assert_eq!(block.unwrap(), Err(Failure("the body failed")));
    let lost = losses.of("fails beside its body");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Failed);
}
