//! A panic in any part of a block: what is exited, what it is told, and which panic leaves.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod in_other_methods;
mod in_the_body;

use std::any::Any;
use std::panic::{AssertUnwindSafe, panic_any};

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::FutureExt;

use crate::common::trace::{Trace, Traced, cut_at, losses};

/// A payload that is no text, to be found again.
#[derive(Debug, PartialEq)]
struct Payload(u8);

/// The payload with which `future` panics.
async fn panic_of<F: Future>(future: F) -> Box<dyn Any + Send> {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => payload,
    }
}

async fn text_of<F: Future>(future: F) -> &'static str {
    *panic_of(future).await.downcast().expect("the payload is a &'static str")
}

// In enter.

#[tokio::test]
async fn a_panic_in_enter_leaves_without_body_or_exit() {
    let trace = Trace::new();
    let block =
        async { async_with!(Traced::new("A", &trace).enter_panics("in enter") => { trace.log("body") }) };
    assert_eq!(text_of(block).await, "in enter");
    settle().await;
    assert_eq!(trace.events(), ["enter A", "enter A panicked"]);
}

#[tokio::test]
async fn a_panic_in_a_later_enter_exits_the_items_before_it() {
    let trace = Trace::new();
    let block = async {
        async_with!(
            Traced::new("A", &trace),
            Traced::new("B", &trace),
            Traced::new("C", &trace).enter_panics("in the third enter") => { trace.log("body") }
        )
    };
    assert_eq!(text_of(block).await, "in the third enter");
    assert_eq!(
        trace.events()[4..],
        ["enter C", "enter C panicked", "exit B: panicked", "exited B", "exit A: panicked", "exited A"]
    );
}

#[tokio::test]
async fn a_panic_in_a_later_expression_exits_the_items_before_it() {
    let trace = Trace::new();
    let no_manager = || -> Traced { panic_any("in an expression") };
    let block = async { async_with!(Traced::new("A", &trace), no_manager() => { trace.log("body") }) };
    assert_eq!(text_of(block).await, "in an expression");
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: panicked", "exited A"]);
}

// In the exit.

#[tokio::test]
async fn a_panic_in_the_exit_leaves() {
    let (trace, losses) = (Trace::new(), losses());
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace).exit_panics("in the exit alone") => {})
        })
    };
    assert_eq!(text_of(blocks).await, "in the exit alone");
    assert_eq!(
        trace.events()[4..],
        ["exit B: completed", "exit B panicked", "exit A: panicked", "exited A"],
        "for the block around it, it is a panic of the body"
    );
    assert!(losses.of("in the exit alone").is_empty(), "it left, so it is not lost");
}

#[tokio::test]
async fn a_panic_in_the_exit_leaves_whatever_way_out_the_body_took() {
    for way in ["returned", "failed", "broke"] {
        let trace = Trace::new();
        let block = async {
            #[expect(clippy::never_loop, reason = "the loop is there for `break`")]
            loop {
                async_with!(Traced::new("A", &trace).exit_panics("after a way out") => {
                    match way {
                        "returned" => return Ok(()),
                        "failed" => Err("failed")?,
                        _ => break,
                    }
                })?;
            }
            Ok::<_, &str>(())
        };
        assert_eq!(text_of(block).await, "after a way out");
        assert_eq!(trace.events()[2..], [format!("exit A: {way}"), "exit A panicked".to_owned()]);
    }
}

#[tokio::test]
async fn a_local_managers_panic_in_the_exit_leaves() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).exit_panics("in a local exit").local() => {}) };
    assert_eq!(text_of(block).await, "in a local exit");
}

/// Panics before there is a future of its exit.
struct Eager;

impl AsyncContextManager for Eager {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    #[expect(refining_impl_trait, reason = "there is no future to hide")]
    fn exit(self, _value: (), _outcome: Outcome) -> std::future::Ready<Result<(), &'static str>> {
        panic_any("in an exit that is no async fn")
    }
}

#[tokio::test]
async fn a_panic_before_the_exit_has_a_future_is_one_of_the_exit() {
    let losses = losses();
    assert_eq!(text_of(async { async_with!(Eager => {}) }).await, "in an exit that is no async fn");
    let trace = Trace::new();
    cut_at(async { async_with!(Eager => { trace.step("body").await; }) }, &trace, "body").await;
    settle().await;
    assert_eq!(losses.of("in an exit that is no async fn").len(), 1);
}

// In both.

#[tokio::test]
async fn when_body_and_exit_panic_the_bodys_panic_leaves_and_the_exits_is_lost() {
    let (trace, losses) = (Trace::new(), losses());
    let line = line!() + 2;
    let block = async {
        async_with!(Traced::new("A", &trace).exit_panics("the second of two panics") => { panic_any(Payload(1)) })
    };
    assert_eq!(panic_of(block).await.downcast_ref(), Some(&Payload(1)));
    let lost = losses.of("the second of two panics");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].manager.ends_with("::Traced"), "{lost:?}");
    assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Panicked));
}

#[tokio::test]
async fn when_the_body_panics_and_the_exit_fails_the_exits_error_is_lost() {
    let (trace, losses) = (Trace::new(), losses());
    let block = async {
        async_with!(Traced::new("A", &trace).exit_fails("failed after a panic") => { panic_any(Payload(2)) })
    };
    assert_eq!(panic_of(block).await.downcast_ref(), Some(&Payload(2)));
    let lost = losses.of("failed after a panic");
    assert_eq!(lost.iter().map(|loss| loss.outcome).collect::<Vec<_>>(), [Outcome::Panicked]);
}

#[tokio::test]
async fn of_three_panics_the_first_leaves_and_two_are_lost() {
    let (trace, losses) = (Trace::new(), losses());
    let block = async {
        async_with!(
            Traced::new("A", &trace).exit_panics("third of three panics"),
            Traced::new("B", &trace).exit_panics("second of three panics") => { panic_any("first of three panics") }
        )
    };
    assert_eq!(text_of(block).await, "first of three panics");
    let lost: Vec<_> = losses.of("of three panics").into_iter().map(|loss| loss.error).collect();
    assert_eq!(
        lost,
        ["the exit panicked: second of three panics", "the exit panicked: third of three panics"]
    );
}
