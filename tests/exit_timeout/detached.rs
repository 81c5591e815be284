//! Exits that are detached, and then late.

use std::pin::pin;
use std::time::Duration;

use async_with::{AsyncContextManagerExt, Outcome, async_with, defer, settle};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, timeout};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses};
use crate::{LIMIT, elapsed};

#[tokio::test(start_paused = true)]
async fn a_detached_exit_that_is_late_is_reported_and_goes_on() {
    enum DetachedAndLate {}
    losses();

    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("B", &trace).exit_waits(&gate).marked::<DetachedAndLate>().exit_timeout(LIMIT);
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            let _ = async_with!(manager => { trace.step("body").await; });
        })
    };
    cut_at(block, &trace, "body").await;
    let mut settled = pin!(settle());
    assert!(timeout(LIMIT * 3, &mut settled).await.is_err(), "it waits for the late exit");
    let lost = losses().over("DetachedAndLate");
    assert_eq!(lost.len(), 1);
    assert!(lost[0].error.contains("Elapsed"), "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Cancelled);
    assert_eq!(trace.events()[5..], ["exit B: cancelled"], "A waits too");
    gate.open();
    settled.await;
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: cancelled", "exited A"]);
    assert_eq!(losses().over("DetachedAndLate").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cut_during_the_exit_it_has_the_rest_of_its_time() {
    enum CutInExit {}
    losses();

    for late in [false, true] {
        let before = losses().over("CutInExit").len();
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = Traced::new("A", &trace).exit_waits(&gate).marked::<CutInExit>().exit_timeout(LIMIT);
        let begin = Instant::now();
        let block = timeout(LIMIT / 2, async { async_with!(manager => {}) });
        assert!(block.await.is_err());
        if late {
            while losses().over("CutInExit").len() == before {
                sleep(Duration::from_millis(100)).await;
            }
            assert!(begin.elapsed() >= LIMIT && begin.elapsed() < LIMIT + LIMIT / 4, "{:?}", begin.elapsed());
        }
        gate.open();
        settle().await;
        assert_eq!(losses().over("CutInExit").len(), before + usize::from(late));
        assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_of_a_sync_part_that_ends_as_the_time_is_over_counts_as_ended() {
    // Both are ready at the same poll: as in tokio, what has ended has ended.
    let block = async_with!(defer(|_outcome| sleep(LIMIT)).exit_timeout(LIMIT) => {});
    assert_eq!(block, Ok(()));
}

#[test]
fn a_runtime_that_ends_before_the_late_exit_reports_it() {
    enum LateAtShutdown {}
    losses();

    let (trace, gate) = (Trace::new(), Gate::new());
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let manager = Traced::new("A", &trace).exit_waits(&gate).marked::<LateAtShutdown>().exit_timeout(LIMIT);
    let block = runtime.block_on(async { async_with!(manager => {}) });
    assert!(elapsed(&block));
    drop(runtime);
    let lost = losses().over("LateAtShutdown");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].error.contains("runtime shut down"), "{lost:?}");
    assert_eq!(trace.events()[2..], ["exit A: completed", "exit A dropped"]);
}
