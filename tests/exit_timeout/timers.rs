//! Where there is no timer, or that of another runtime.

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use async_with::{AsyncContextManagerExt, ExitTimeoutError, async_with, from_fn, settle};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::LIMIT;
use crate::common::trace::{Gate, Trace, Traced, losses, poll_once};

#[test]
fn without_a_runtime_it_panics_at_enter() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).exit_timeout(LIMIT) => { trace.log("body") }) };
    let mut block = Box::pin(block);
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(block.as_mut()))).is_err());
    assert_eq!(trace.events(), [""; 0], "nothing was entered that would have to be exited");
}

#[test]
fn without_timers_it_panics_at_enter() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).exit_timeout(LIMIT) => { trace.log("body") }) };
    let runtime = Builder::new_current_thread().build().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| runtime.block_on(block))).is_err());
    assert_eq!(trace.events(), [""; 0]);
}

// The block is entered in a runtime with timers, and left where there is none.
#[test]
fn moved_to_another_executor_it_still_has_its_timer() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let (trace, gate) = (Trace::new(), Gate::new());
    let (ran_on, exit_ran_on) = oneshot::channel();
    let late = {
        let (trace, gate) = (trace.clone(), gate.clone());
        from_fn(
            || async { Ok::<_, Infallible>(()) },
            move |(), _outcome| async move {
                trace.log("exit");
                gate.passed().await;
                ran_on.send(Handle::try_current().map(|handle| handle.id()).ok()).unwrap();
            },
        )
    };
    let mut block = Box::pin(async {
        async_with!(late.exit_timeout(Duration::from_millis(1)) => { trace.step("body").await })
    });
    {
        let _runtime = runtime.enter();
        assert!(poll_once(block.as_mut()).is_pending());
    }
    let ended = futures::executor::block_on(block);
    assert!(matches!(ended, Err(ExitTimeoutError::Elapsed { .. })));
    gate.open();
    let ran_on = futures::executor::block_on(exit_ran_on).unwrap();
    assert_eq!(ran_on, Some(runtime.handle().id()), "the runtime that was current when the block began");
}

#[test]
fn a_cut_block_of_another_executor_has_its_timer_too() {
    enum CutElsewhere {}
    losses();

    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace)
        .exit_waits(&gate)
        .marked::<CutElsewhere>()
        .exit_timeout(Duration::from_millis(1));
    let mut block = Box::pin(async { async_with!(manager => pending::<()>().await) });
    {
        let _runtime = runtime.enter();
        while !trace.has("entered A") {
            assert!(poll_once(block.as_mut()).is_pending());
        }
    }
    drop(block);
    runtime.block_on(async {
        timeout(Duration::from_secs(60), async {
            while losses().over("CutElsewhere").is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("the late exit is reported");
    });
    gate.open();
    runtime.block_on(settle());
    assert!(trace.has("exited A"));
}
