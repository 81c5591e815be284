//! On which runtime detached exits run, and what its end leaves.

use std::future::pending;

use std::thread;

use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with, settle};

use tokio::runtime::{Builder, Runtime};

use tokio::time::timeout;

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};

use crate::endless;

fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.worker_threads(2).enable_all().build().unwrap())
}

#[test]
fn timeout_select_and_abort_all_cut_on_both_kinds_of_runtime() {
    for runtime in runtimes() {
        runtime.block_on(async {
            for way in ["timeout", "select", "abort"] {
                let trace = Trace::new();
                let block = endless(Traced::new("A", &trace), trace.clone());
                match way {
                    "timeout" => assert!(timeout(Duration::from_millis(1), block).await.is_err()),
                    "select" => tokio::select! {
                        _ = block => unreachable!("its body does not end"),
                        () = trace.reached("body") => {}
                    },
                    _ => {
                        let task = tokio::spawn(block);
                        trace.reached("body").await;
                        task.abort();
                        assert!(task.await.unwrap_err().is_cancelled());
                    }
                }
                settle().await;
                let events = ["enter A", "entered A", "body", "exit A: cancelled", "exited A"];
                assert_eq!(trace.events(), events, "{way}");
            }
        });
    }
}

/// Its exit records the name of the thread it runs on.
struct WhichThread(Trace);

impl AsyncContextManager for WhichThread {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        yield_once().await;
        self.0.log(thread::current().name().unwrap_or_default());
        Ok(())
    }
}

#[test]
fn a_detached_exit_runs_on_the_runtime_that_was_current_when_its_block_began() {
    let trace = Trace::new();
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("of the block").build().unwrap();
    let other = Builder::new_multi_thread().worker_threads(1).thread_name("of the drop").build().unwrap();
    for dropped_on_a_runtime in [false, true] {
        let mut block =
            Box::pin(async { async_with!(WhichThread(trace.clone()) => { pending::<()>().await }) });
        {
            let _entered = runtime.enter();
            assert!(poll_once(block.as_mut()).is_pending());
        }
        let entered = dropped_on_a_runtime.then(|| other.enter());
        drop(block);
        drop(entered);
    }
    runtime.block_on(settle());
    assert_eq!(trace.events(), ["of the block", "of the block"]);
}

enum Stuck {}
enum Unstarted {}
enum InABody {}

#[test]
fn an_exit_that_never_ends_stops_no_unrelated_one_and_is_reported_when_its_runtime_ends() {
    for (turn, runtime) in runtimes().into_iter().enumerate() {
        let (trace, losses, never) = (Trace::new(), losses(), Gate::new());
        runtime.block_on(async {
            let stuck = Traced::new("stuck", &trace).exit_waits(&never).marked::<Stuck>();
            let block = async { async_with!(stuck => { trace.step("stuck body").await; }) };
            cut_at(block, &trace, "stuck body").await;
            trace.reached("exit stuck: cancelled").await;
            cut_at(endless(Traced::new("A", &trace), trace.clone()), &trace, "body").await;
            trace.reached("exited A").await;
            async_with!(Traced::new("B", &trace) => {}).unwrap();
        });
        assert_eq!(losses.over("::Stuck>").len(), turn, "not lost as long as its runtime lives");
        drop(runtime);
        let lost = losses.over("::Stuck>");
        assert_eq!(lost.len(), turn + 1, "{lost:?}");
        assert_eq!((lost[turn].file, lost[turn].outcome), (file!(), Outcome::Cancelled));
        assert_eq!(trace.events().last().unwrap(), "exit stuck dropped");
    }
}

#[test]
fn exits_whose_turn_never_came_are_reported_when_their_runtime_ends() {
    let (trace, losses, never) = (Trace::new(), losses(), Gate::new());
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let outer = Traced::new("A", &trace).marked::<Unstarted>();
        let inner = Traced::new("B", &trace).exit_waits(&never);
        let blocks = async { async_with!(outer, inner => { trace.step("body").await; }) };
        cut_at(blocks, &trace, "body").await;
        trace.reached("exit B: cancelled").await;
    });
    drop(runtime);
    assert_eq!(losses.over("::Unstarted>").len(), 1);
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exit B dropped"]);
}

#[test]
fn a_block_that_is_cut_by_the_end_of_its_runtime_is_reported() {
    for (turn, runtime) in runtimes().into_iter().enumerate() {
        let (trace, losses) = (Trace::new(), losses());
        let manager = Traced::new("A", &trace).marked::<InABody>();
        runtime.block_on(async {
            tokio::spawn({
                let trace = trace.clone();
                async move {
                    async_with!(manager => {
                        trace.step("body").await;
                        pending::<()>().await;
                    })
                }
            });
            trace.reached("body").await;
        });
        drop(runtime);
        assert_eq!(losses.over("::InABody>").len(), turn + 1);
        // The next settle must not wait for what is gone.
        futures::executor::block_on(settle());
    }
}
