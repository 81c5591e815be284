//! Blocks in the function, and in the body.

use std::convert::Infallible;

use async_with::{AsyncContextManagerExt, async_with, context, ready, settle};

use crate::common::log::Log;
use crate::common::trace::{Gate, Trace, Traced, cut_at};

#[tokio::test]
async fn blocks_in_the_function_are_around_the_body() {
    for cut in [false, true] {
        let trace = Trace::new();
        let (a, b) = (Traced::new("A", &trace), Traced::new("B", &trace));
        let manager = context(|body| async move {
            async_with!(a, b => {
                let ((), done) = body.run(()).await;
                Ok::<_, &'static str>(done)
            })?
        });
        let block = async {
            async_with!(Traced::new("O", &trace) => {
                async_with!(manager, Traced::new("C", &trace) => { trace.step("body").await })
            })
        };
        let told = if cut {
            cut_at(block, &trace, "body").await;
            "cancelled"
        } else {
            assert_eq!(block.await, Ok(Ok(())));
            "completed"
        };
        settle().await;
        let exits: Vec<_> = trace.events().split_off(9);
        // The function's own blocks end as the function goes: it was not dropped.
        assert_eq!(exits[..2], [format!("exit C: {told}"), "exited C".to_owned()]);
        assert_eq!(exits[2..6], ["exit B: completed", "exited B", "exit A: completed", "exited A"]);
        assert_eq!(exits[6..], [format!("exit O: {told}"), "exited O".to_owned()]);
    }
}

#[tokio::test]
async fn blocks_of_a_function_that_is_dropped_in_enter_are_cut() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let (a, b) = (Traced::new("A", &trace), Traced::new("B", &trace).enter_waits(&gate));
    let manager = context(|body| async move {
        async_with!(a, b => {
            let ((), done) = body.run(()).await;
            Ok::<_, &'static str>(done)
        })?
    });
    let block = async { async_with!(Traced::new("O", &trace) => { async_with!(manager => {}) }) };
    cut_at(block, &trace, "enter B").await;
    settle().await;
    assert_eq!(
        trace.events()[4..],
        ["enter B", "enter B dropped", "exit A: cancelled", "exited A", "exit O: cancelled", "exited O"]
    );
}

// CPython: test_recursive.
#[tokio::test]
async fn a_function_may_use_itself() {
    fn deep(log: Log, depth: u32) -> async_with::BoxContextManager<u32, Infallible> {
        if depth == 0 {
            return ready(0).boxed();
        }
        context(move |body| async move {
            async_with!(deep(log.clone(), depth - 1) as below => {
                let (value, done) = body.run(*below + 1).await;
                log.add(format!("{value} {}", done.outcome()));
                Ok(done)
            })
        })
        .boxed()
    }

    let log = Log::default();
    assert_eq!(async_with!(deep(log.clone(), 3) as depth => *depth), 3);
    log.expect(&["3 completed", "2 completed", "1 completed"]);
}
