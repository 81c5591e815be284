//! What may cut it: timeouts, aborts, the end of a runtime.

use std::convert::Infallible;
use std::future::pending;
use std::thread;
use std::time::Duration;

use async_with::{AsyncContextManager, AsyncContextManagerExt, Outcome, async_with, from_fn, settle};
use futures::poll;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::block;
use crate::common::log::Log;
use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once};

#[tokio::test(start_paused = true)]
async fn a_timeout_around_it_is_not_held_up() {
    let log = Log::default();
    let (enter, exit) = (log.clone(), log.clone());
    let slow = from_fn(
        || async move {
            sleep(Duration::from_secs(60)).await;
            enter.add("entered");
            Ok::<_, Infallible>(5)
        },
        |value, outcome| async move {
            sleep(Duration::from_secs(60)).await;
            exit.add(format!("exit {value}: {outcome}"));
        },
    );
    let begin = tokio::time::Instant::now();
    let cut = timeout(Duration::from_secs(1), async { async_with!(slow.finish_enter() => {}) });
    assert!(cut.await.is_err());
    assert_eq!(begin.elapsed(), Duration::from_secs(1));
    settle().await;
    assert_eq!(begin.elapsed(), Duration::from_secs(120));
    log.expect(&["entered", "exit 5: cancelled"]);
}

#[tokio::test]
async fn an_abort_cuts_it_like_a_drop() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).enter_waits(&gate).finish_enter();
    let task = tokio::spawn(block(manager, trace.clone()));
    trace.reached("enter A").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: cancelled", "exited A"]);
}

#[tokio::test(start_paused = true)]
async fn with_an_exit_timeout_the_exit_after_it_has_a_limit_too() {
    for outside in [false, true] {
        let (trace, enter, exit) = (Trace::new(), Gate::new(), Gate::new());
        let manager = Traced::new("A", &trace).enter_waits(&enter).exit_waits(&exit);
        let limit = Duration::from_secs(5);
        let blocks = async {
            if outside {
                let _ = async_with!(manager.finish_enter().exit_timeout(limit) => {});
            } else {
                let _ = async_with!(manager.exit_timeout(limit).finish_enter() => {});
            }
        };
        cut_at(blocks, &trace, "enter A").await;
        enter.open();
        trace.reached("exit A: cancelled").await;
        sleep(limit * 2).await;
        exit.open();
        settle().await;
        assert_eq!(trace.events(), ["enter A", "entered A", "exit A: cancelled", "exited A"]);
    }
}

#[test]
fn without_a_runtime_it_goes_on_in_the_background() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let (enter, exit) = (trace.clone(), trace.clone());
    let on_thread = || thread::current().name().unwrap_or_default().to_owned();
    let manager = {
        let gate = gate.clone();
        from_fn(
            move || async move {
                gate.passed().await;
                enter.log(format!("entered on {}", on_thread()));
                Ok::<_, &'static str>(())
            },
            move |(), outcome| async move { exit.log(format!("exit on {}: {outcome}", on_thread())) },
        )
    };
    let mut block = Box::pin(block(manager.finish_enter(), trace.clone()));
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    gate.open();
    futures::executor::block_on(settle());
    assert_eq!(trace.events(), ["entered on async-with exits", "exit on async-with exits: cancelled"]);
}

#[test]
fn a_runtime_that_ends_before_the_enter_reports_it() {
    struct CutByShutdown;

    impl AsyncContextManager for CutByShutdown {
        type Value = ();
        type Error = &'static str;

        async fn enter(&mut self) -> Result<(), &'static str> {
            pending().await
        }

        async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
            panic!("nothing was entered")
        }
    }

    losses();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut block = Box::pin(block(CutByShutdown.finish_enter(), Trace::new()));
        assert!(poll!(&mut block).is_pending());
    });
    drop(runtime);
    let lost = losses().over("CutByShutdown");
    assert_eq!(lost.len(), 1, "{lost:?}");
}
