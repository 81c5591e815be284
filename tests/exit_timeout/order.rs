//! What waits for the late one.

use std::pin::pin;
use std::time::Duration;

use async_with::{AsyncContextManagerExt, ExitTimeoutError, async_with, settle};
use tokio::time::timeout;

use crate::common::trace::{Gate, Trace, Traced};
use crate::{Error, LIMIT, elapsed};

#[tokio::test(start_paused = true)]
async fn exits_of_blocks_around_wait_for_the_late_one() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            let inner = async_with!(Traced::new("B", &trace).exit_waits(&gate).exit_timeout(LIMIT) => {});
            trace.log(format!("inner late: {}", elapsed(&inner)));
        })
    };
    let mut block = pin!(block);
    assert!(timeout(Duration::from_secs(60), &mut block).await.is_err(), "A waits for B");
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "entered B", "exit B: completed", "inner late: true"],
    );
    gate.open();
    assert_eq!(block.await, Ok(()));
    assert_eq!(trace.events()[6..], ["exited B", "exit A: completed", "exited A"]);
}

#[tokio::test(start_paused = true)]
async fn exits_of_items_before_wait_for_the_late_one() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let first = Traced::new("A", &trace).map_err(ExitTimeoutError::Manager);
    let block = async {
        async_with!(first, Traced::new("B", &trace).exit_waits(&gate).exit_timeout(LIMIT) => { trace.log("body") })
    };
    let mut block = pin!(block);
    assert!(timeout(Duration::from_secs(60), &mut block).await.is_err());
    assert_eq!(trace.events().last().unwrap(), "exit B: completed");
    gate.open();
    assert!(elapsed(&block.await), "A is told, and B's lateness is the value of the whole");
    assert_eq!(trace.events()[6..], ["exited B", "exit A: failed", "exited A"]);
}

#[tokio::test(start_paused = true)]
async fn they_wait_also_when_they_are_cut_while_waiting() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace) => {
                let _ = async_with!(Traced::new("C", &trace).exit_waits(&gate).exit_timeout(LIMIT) => {});
            })
        })
    };
    assert!(timeout(Duration::from_secs(60), block).await.is_err());
    let mut settled = pin!(settle());
    assert!(timeout(Duration::from_secs(60), &mut settled).await.is_err());
    assert_eq!(trace.events().last().unwrap(), "exit C: completed");
    gate.open();
    settled.await;
    assert_eq!(
        trace.events()[7..],
        // B's body had ended; A's had not.
        ["exited C", "exit B: completed", "exited B", "exit A: cancelled", "exited A"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_exit_is_not_waited_for_by_blocks_beside_it() {
    let (trace, gate) = (Trace::new(), Gate::new());
    assert!(elapsed(&async_with!(Traced::new("A", &trace).exit_waits(&gate).exit_timeout(LIMIT) => {})));
    assert_eq!(async_with!(Traced::new("B", &trace) => {}), Ok(()));
    assert_eq!(trace.events().last().unwrap(), "exited B");
    gate.open();
    settle().await;
}

/// A late exit inside the exit of something that is exited part by part: the parts before it wait.
mod in_managers_of_parts {
    use super::{
        AsyncContextManagerExt, Duration, Error, ExitTimeoutError, Gate, LIMIT, Trace, Traced, async_with,
        settle,
    };
    use async_with::{AsyncContextManager, AsyncExitStack};
    use std::pin::pin;
    use tokio::time::timeout;

    fn parts(
        trace: &Trace,
        gate: &Gate,
    ) -> (
        impl AsyncContextManager<Value = (), Error = Error> + use<>,
        impl AsyncContextManager<Value = (), Error = Error> + use<>,
    ) {
        let first = Traced::new("A", trace).map_err(ExitTimeoutError::Manager);
        (first, Traced::new("B", trace).exit_waits(gate).exit_timeout(LIMIT))
    }

    async fn waits(block: impl Future<Output = Result<(), Error>>, trace: Trace, gate: Gate) {
        let mut block = pin!(block);
        assert!(timeout(Duration::from_secs(60), &mut block).await.is_err(), "{:?}", trace.events());
        assert_eq!(trace.events().last().unwrap(), "exit B: completed");
        gate.open();
        assert!(super::elapsed(&block.await));
        settle().await;
        assert_eq!(trace.events()[5..], ["exited B", "exit A: failed", "exited A"]);
    }

    #[tokio::test(start_paused = true)]
    async fn items_of_a_block() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let (a, b) = parts(&trace, &gate);
        waits(async { async_with!(a, b => {}) }, trace, gate).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_tuple() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let parts = parts(&trace, &gate);
        waits(async { async_with!(parts => {}) }, trace, gate).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_vec() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let (a, b) = parts(&trace, &gate);
        let all = vec![a.boxed(), b.boxed()];
        waits(async { async_with!(all => {}) }, trace, gate).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_exit_stack() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let (a, b) = parts(&trace, &gate);
        let block = async {
            async_with!(AsyncExitStack::<Error>::new() as stack => {
                let stack = &*stack;
                drop(stack.enter(a).await);
                drop(stack.enter(b).await);
            })
        };
        waits(block, trace, gate).await;
    }
}
