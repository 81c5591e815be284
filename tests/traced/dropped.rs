//! Blocks that are dropped, and exits that are late.

use std::time::Duration;

use async_with::{AsyncContextManagerExt, ExitTimeoutError, async_with, settle};
use tracing::info;

use crate::common::trace::{Gate, Trace, cut_at, poll_once};
use crate::{IN_BODY, Recorder, Speaks, speaks};

#[tokio::test]
async fn a_detached_exit_is_in_its_span_and_told_cancelled() {
    let (recorder, _guard) = Recorder::start();
    let trace = Trace::new();
    let body = async {
        speaks().await;
        trace.step("body").await;
    };
    let block = async { async_with!(Speaks::new().traced("cut") => { body.await }) };
    cut_at(block, &trace, "body").await;
    settle().await;
    let exit = recorder.only("exit");
    assert_eq!(exit.fields["outcome"], "cancelled");
    assert_eq!(recorder.only("context_manager").fields["outcome"], "cancelled");
    assert!(recorder.only("body").fields.contains_key("elapsed_us"));
    assert!(exit.fields.contains_key("elapsed_us"));
    recorder.expect_event("in exit", &["context_manager", "exit"]);
    recorder.expect_event("in body", &IN_BODY);
    recorder.expect_all_closed();
}

#[tokio::test]
async fn dropped_at_every_poll_all_spans_are_closed() {
    for polls in 0..20 {
        let (recorder, _guard) = Recorder::start();
        let mut block = Box::pin(async { async_with!(Speaks::new().traced("cut") => { speaks().await }) });
        let ended = (0..polls).any(|_| poll_once(block.as_mut()).is_ready());
        drop(block);
        info!("outside");
        settle().await;
        recorder.expect_event("outside", &[]);
        recorder.expect_all_closed();
        assert_eq!(recorder.spans("exit").len(), usize::from(polls > 1), "after {polls} polls");
        if ended {
            return;
        }
    }
    panic!("the block did not end");
}

#[tokio::test(start_paused = true)]
async fn a_late_exit_stays_in_its_span() {
    let (recorder, _guard) = Recorder::start();
    let gate = Gate::new();
    let speaks = Speaks { exit_waits: Some(gate.clone()), ..Speaks::new() };
    let block = async_with!(speaks.traced("late").exit_timeout(Duration::from_secs(1)) => {});
    assert!(matches!(block, Err(ExitTimeoutError::Elapsed { .. })));
    assert!(!recorder.only("exit").closed, "it goes on");
    gate.open();
    settle().await;
    recorder.expect_event("in exit", &["context_manager", "exit"]);
    recorder.expect_all_closed();
}
