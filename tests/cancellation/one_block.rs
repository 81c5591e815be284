//! One block, dropped at each of its states.

use std::future::pending;
use std::pin::pin;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::poll;

use crate::common::trace::{Gate, Trace, Traced, cut_at, poll_once, yield_once};
use crate::endless;

// PEERS 114: cancelled in the body.
#[tokio::test]
async fn a_drop_during_the_body_detaches_the_exit_and_settle_waits_for_it() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).exit_waits(&gate);
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body"]);
    let mut settled = pin!(settle());
    trace.reached("exit A: cancelled").await;
    assert!(poll!(&mut settled).is_pending(), "settle waits while the exit runs");
    gate.open();
    settled.await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

async fn leaving(way: &'static str, manager: Traced) -> Result<(), &'static str> {
    #[expect(clippy::never_loop, reason = "the loop is there for `break`")]
    loop {
        async_with!(manager => {
            match way {
                "returned" => return Ok(()),
                "failed" => Err("failed")?,
                "broke" => break,
                "panicked" => panic!("a body that panics"),
                _ => {}
            }
        })?;
        break;
    }
    Ok(())
}

#[tokio::test]
async fn a_drop_during_the_exit_lets_that_exit_run_on_to_its_end_told_what_it_was_told() {
    for way in ["completed", "returned", "failed", "broke", "panicked"] {
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = Traced::new("A", &trace).exit_waits(&gate);
        let exit = format!("exit A: {way}");
        cut_at(leaving(way, manager), &trace, &exit).await;
        let mut settled = pin!(settle());
        assert!(poll!(&mut settled).is_pending());
        gate.open();
        settled.await;
        assert_eq!(trace.events(), ["enter A", "entered A", exit.as_str(), "exited A"]);
    }
}

#[tokio::test]
async fn a_drop_during_enter_runs_no_exit() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).enter_waits(&gate);
    cut_at(endless(manager, trace.clone()), &trace, "enter A").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "enter A dropped"]);
}

// PEERS 113: cancelled in the second enter.
#[tokio::test]
async fn a_drop_during_the_second_enter_exits_the_first_item() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace), Traced::new("B", &trace).enter_waits(&gate) => { trace.log("body") })
    };
    cut_at(block, &trace, "enter B").await;
    settle().await;
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "enter B dropped", "exit A: cancelled", "exited A"]
    );
}

// PEERS 118: dropped before the first poll; and test262 `await-using-in-async-function-call-without-await`.
#[tokio::test]
async fn a_block_that_is_never_polled_does_nothing() {
    let trace = Trace::new();
    let block = async {
        async_with!(
            {
                trace.log("expression");
                Traced::new("A", &trace)
            } => { trace.log("body") }
        )
    };
    drop(block);
    settle().await;
    assert_eq!(trace.events(), [""; 0]);
}

#[tokio::test]
async fn the_exit_gets_the_value_as_the_body_left_it() {
    struct Counting(tokio::sync::mpsc::UnboundedSender<u8>);

    impl AsyncContextManager for Counting {
        type Value = u8;
        type Error = std::convert::Infallible;

        async fn enter(&mut self) -> Result<u8, Self::Error> {
            Ok(1)
        }

        async fn exit(self, value: u8, _outcome: Outcome) -> Result<(), Self::Error> {
            self.0.send(value).unwrap();
            Ok(())
        }
    }

    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let mut block = Box::pin(async {
        async_with!(Counting(sender) as value => {
            *value += 1;
            yield_once().await;
            *value += 1;
            pending::<()>().await;
        });
    });
    assert!(poll_once(block.as_mut()).is_pending());
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    assert_eq!(received.recv().await, Some(3));
    assert_eq!(received.recv().await, None, "exactly one exit");
}

#[tokio::test]
async fn settle_does_not_wait_for_exits_that_were_awaited_in_place() {
    let trace = Trace::new();
    async_with!(Traced::new("A", &trace) => {}).unwrap();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: completed", "exited A"]);
}

// A dropped settle has no effect on the exits.
#[tokio::test]
async fn dropping_settle_leaves_the_exits_running() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).exit_waits(&gate);
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    cut_at(settle(), &trace, "exit A: cancelled").await;
    gate.open();
    settle().await;
    assert!(trace.has("exited A"));
}
