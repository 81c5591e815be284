//! What detached exits lose.

use async_with::{Outcome, async_with, settle};

use crate::common::trace::{Trace, Traced, cut_at, losses};

#[tokio::test]
async fn the_error_of_a_detached_exit_goes_to_the_hook() {
    let (trace, losses) = (Trace::new(), losses());
    let manager = Traced::new("A", &trace).exit_fails("lost by a detached exit");
    let line = line!() + 1;
    let block = async { async_with!(manager => { trace.step("body").await; }) };
    cut_at(block, &trace, "body").await;
    settle().await;
    let lost = losses.of("lost by a detached exit");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].manager.ends_with("::Traced"), "{lost:?}");
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Cancelled));
    assert_eq!(lost[0].error, "\"lost by a detached exit\"", "the error itself");
}

#[tokio::test]
async fn the_error_of_an_exit_that_had_begun_goes_to_the_hook_with_what_it_was_told() {
    let (trace, losses) = (Trace::new(), losses());
    let manager = Traced::new("A", &trace).exit_fails("lost by a begun exit");
    let line = line!() + 1;
    cut_at(async { async_with!(manager => {}) }, &trace, "exit A: completed").await;
    settle().await;
    let lost = losses.of("lost by a begun exit");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Completed));
}

#[tokio::test]
async fn a_panic_of_a_detached_exit_goes_to_the_hook_and_stops_no_other_exit() {
    let (trace, losses) = (Trace::new(), losses());
    let inner = Traced::new("B", &trace).exit_panics("panicked in a detached exit");
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(inner => { trace.step("body").await; })
        })
    };
    cut_at(blocks, &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["exit B: cancelled", "exit B panicked", "exit A: cancelled", "exited A"]
    );
    let lost = losses.of("panicked in a detached exit");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].manager.ends_with("::Traced") && lost[0].file == file!(), "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn a_failing_detached_exit_stops_no_other_exit() {
    let (trace, losses) = (Trace::new(), losses());
    let block = async {
        async_with!(
            Traced::new("A", &trace).exit_fails("the outer of two lost"),
            Traced::new("B", &trace).exit_fails("the inner of two lost") => { trace.step("body").await; }
        )
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["exit B: cancelled", "exit B failed", "exit A: cancelled", "exit A failed"]
    );
    assert_eq!((losses.of("the outer of two lost").len(), losses.of("the inner of two lost").len()), (1, 1));
}
