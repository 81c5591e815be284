//! Panics in the body, and in what it drops.

use std::panic::panic_any;

use async_with::{async_with, settle};
use scopeguard::defer;

use crate::common::trace::{Trace, Traced, cut_at, yield_once};
use crate::{Payload, panic_of, text_of};

#[tokio::test]
async fn a_panic_in_the_body_goes_on_after_the_exit_with_its_payload() {
    for suspends in [false, true] {
        let trace = Trace::new();
        let block = async {
            async_with!(Traced::new("A", &trace) => {
                if suspends {
                    yield_once().await;
                }
                trace.log("body");
                panic_any(Payload(7));
            })
        };
        assert_eq!(panic_of(block).await.downcast_ref(), Some(&Payload(7)));
        assert_eq!(trace.events()[2..], ["body", "exit A: panicked", "exited A"]);
    }
}

#[tokio::test]
async fn a_panic_in_the_body_goes_through_all_blocks() {
    let trace = Trace::new();
    let blocks = async {
        async_with!(Traced::new("A", &trace).local() => {
            async_with!(Traced::new("B", &trace) => {
                if trace.has("entered B") {
                    panic_any("through two");
                }
            })?;
            trace.log("never here");
            Ok::<_, &str>(())
        })
    };
    assert_eq!(text_of(blocks).await, "through two");
    assert_eq!(trace.events()[4..], ["exit B: panicked", "exited B", "exit A: panicked", "exited A"]);
}

#[tokio::test]
async fn a_panic_in_a_task_is_what_its_join_handle_reports() {
    let trace = Trace::new();
    let task = tokio::spawn({
        let trace = trace.clone();
        async move { async_with!(Traced::new("A", &trace) => { panic_any(Payload(9)) }) }
    });
    let payload = task.await.unwrap_err().into_panic();
    assert_eq!(payload.downcast_ref(), Some(&Payload(9)));
    assert!(trace.has("exited A"));
}

#[tokio::test]
async fn locals_of_a_body_that_panics_are_dropped_before_the_exit() {
    let trace = Trace::new();
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            defer! { trace.log("local dropped") }
            panic_any("with a local");
        })
    };
    assert_eq!(text_of(block).await, "with a local");
    assert_eq!(trace.events()[2..], ["local dropped", "exit A: panicked", "exited A"]);
}

#[tokio::test]
async fn a_panic_in_the_drop_of_a_body_local_counts_as_one_of_the_body() {
    for way in ["completes", "fails", "returns", "breaks"] {
        let trace = Trace::new();
        let block = async {
            #[expect(clippy::never_loop, reason = "the loop is there for `break`")]
            loop {
                async_with!(Traced::new("A", &trace) => {
                    defer! { panic_any("in a drop") }
                    yield_once().await;
                    match way {
                        "fails" => Err("failed")?,
                        "returns" => return Ok(()),
                        "breaks" => break,
                        _ => {}
                    }
                })?;
                break;
            }
            Ok::<_, &str>(())
        };
        assert_eq!(text_of(block).await, "in a drop", "{way}");
        assert_eq!(trace.events()[2..], ["exit A: panicked", "exited A"], "{way}");
    }
}

#[tokio::test]
async fn a_panic_in_the_drop_of_a_body_that_is_cut_stops_no_exit() {
    let trace = Trace::new();
    let blocks = async {
        async_with!(Traced::new("A", &trace), Traced::new("B", &trace) => {
            defer! { panic_any("in the drop of a cut body") }
            trace.step("body").await;
        })
    };
    assert_eq!(text_of(cut_at(blocks, &trace, "body")).await, "in the drop of a cut body");
    settle().await;
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: cancelled", "exited A"]);
}
