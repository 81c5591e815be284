//! Blocks where there is no tokio runtime: any executor will do, and a thread of the crate runs detached exits.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::future::pending;
use std::thread;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::future::{Either, join_all, select};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};

fn on_each_executor(test: impl AsyncFn()) {
    futures::executor::block_on(test());
    smol::block_on(test());
}

async fn endless(manager: Traced, trace: Trace) -> Result<(), &'static str> {
    async_with!(manager => {
        trace.step("body").await;
        pending().await
    })
}

// Ways out that need no help.

#[test]
fn a_block_gives_its_value_after_its_exit() {
    on_each_executor(async || {
        let trace = Trace::new();
        let value = async_with!(Traced::new("A", &trace), Traced::new("B", &trace) => {
            trace.step("body").await;
            5
        });
        assert_eq!(value, Ok(5));
        assert_eq!(
            trace.events()[4..],
            ["body", "exit B: completed", "exited B", "exit A: completed", "exited A"]
        );
    });
}

async fn leaving(way: &'static str, trace: &Trace) -> Result<&'static str, &'static str> {
    for turn in 0..2 {
        async_with!(Traced::new("A", trace) => {
            yield_once().await;
            match way {
                "returned" => return Ok("from the body"),
                "failed" => Err("by `?`")?,
                "broke" => break,
                "continued" if turn == 0 => continue,
                _ => {}
            }
        })?;
        if way == "continued" {
            return Ok("the second turn");
        }
    }
    Ok("the end")
}

#[test]
fn every_way_out_awaits_the_exit() {
    on_each_executor(async || {
        for (way, result) in [
            ("returned", Ok("from the body")),
            ("failed", Err("by `?`")),
            ("broke", Ok("the end")),
            ("continued", Ok("the second turn")),
            ("completed", Ok("the end")),
        ] {
            let trace = Trace::new();
            assert_eq!(leaving(way, &trace).await, result);
            assert_eq!(trace.events()[2..4], [format!("exit A: {way}"), "exited A".to_owned()]);
        }
    });
}

#[test]
fn a_local_manager_needs_no_runtime_either() {
    on_each_executor(async || {
        let trace = Trace::new();
        async_with!(Traced::new("A", &trace).local() => { yield_once().await }).unwrap();
        cut_at(async { async_with!(Traced::new("B", &trace).local() => {}) }, &trace, "entered B").await;
        assert_eq!(trace.events()[2..4], ["exit A: completed", "exited A"]);
    });
}

// Detached exits.

/// Says on which thread its exit runs, before and after an await.
struct WhichThread(UnboundedSender<thread::Thread>);

impl AsyncContextManager for WhichThread {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        self.0.send(thread::current()).unwrap();
        yield_once().await;
        self.0.send(thread::current()).unwrap();
        Ok(())
    }
}

#[test]
fn a_detached_exit_runs_on_a_thread_of_its_own() {
    on_each_executor(async || {
        let (sender, mut threads) = unbounded_channel();
        let mut block = Box::pin(async { async_with!(WhichThread(sender) => { pending::<()>().await }) });
        assert!(poll_once(block.as_mut()).is_pending());
        drop(block);
        let (before, after) = (threads.recv().await.unwrap(), threads.recv().await.unwrap());
        assert_ne!(before.id(), thread::current().id());
        assert_eq!(before.id(), after.id());
        assert!(before.name().is_some_and(|name| name.contains("async-with")), "{before:?}");
        assert!(threads.recv().await.is_none(), "exactly one exit");
    });
}

#[test]
fn a_tokio_runtime_that_is_only_there_at_the_drop_does_not_matter() {
    let (sender, mut threads) = unbounded_channel();
    let mut block = Box::pin(async { async_with!(WhichThread(sender) => { pending::<()>().await }) });
    assert!(poll_once(block.as_mut()).is_pending());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    {
        let _entered = runtime.enter();
        drop(block);
    }
    // The runtime is never driven, so it could not have run the exit.
    let ran_on = futures::executor::block_on(threads.recv()).unwrap();
    assert!(ran_on.name().is_some_and(|name| name.contains("async-with")), "{ran_on:?}");
}

#[test]
fn a_cut_block_is_exited_and_settle_waits_for_it() {
    on_each_executor(async || {
        let (trace, gate) = (Trace::new(), Gate::new());
        cut_at(endless(Traced::new("A", &trace).exit_waits(&gate), trace.clone()), &trace, "body").await;
        trace.reached("exit A: cancelled").await;
        let mut settled = Box::pin(settle());
        assert!(poll_once(settled.as_mut()).is_pending());
        gate.open();
        settled.await;
        assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
    });
}

#[test]
fn an_exit_that_had_begun_runs_on() {
    on_each_executor(async || {
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = Traced::new("A", &trace).exit_waits(&gate);
        cut_at(async { async_with!(manager => {}) }, &trace, "exit A: completed").await;
        gate.open();
        settle().await;
        assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"]);
    });
}

#[test]
fn nested_blocks_that_are_cut_are_exited_from_the_inside_out() {
    on_each_executor(async || {
        let (trace, gate) = (Trace::new(), Gate::new());
        let blocks = async {
            async_with!(Traced::new("A", &trace), Traced::new("B", &trace) => {
                async_with!(Traced::new("C", &trace).exit_waits(&gate) => { trace.step("body").await; })
            })
        };
        cut_at(async { blocks.await.map(drop) }, &trace, "body").await;
        trace.reached("exit C: cancelled").await;
        gate.open();
        settle().await;
        assert_eq!(
            trace.events()[7..],
            [
                "exit C: cancelled",
                "exited C",
                "exit B: cancelled",
                "exited B",
                "exit A: cancelled",
                "exited A"
            ]
        );
    });
}

#[test]
fn an_outer_exit_waits_in_place_for_an_inner_one_on_the_thread() {
    on_each_executor(async || {
        let (trace, gate) = (Trace::new(), Gate::new());
        let outer = async {
            async_with!(Traced::new("A", &trace) => {
                let inner = endless(Traced::new("B", &trace).exit_waits(&gate), trace.clone());
                cut_at(inner, &trace, "body").await;
            })
        };
        let opener = async {
            trace.reached("exit B: cancelled").await;
            gate.open();
        };
        futures::join!(outer, opener).0.unwrap();
        assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: completed", "exited A"]);
    });
}

#[test]
fn a_cancelled_smol_task_is_exited() {
    smol::block_on(async {
        let trace = Trace::new();
        let task = smol::spawn(endless(Traced::new("A", &trace), trace.clone()));
        trace.reached("body").await;
        assert!(task.cancel().await.is_none());
        settle().await;
        assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
    });
}

/// Its exit needs a reactor, which smol has on a thread of its own.
struct Sleeping(Trace);

impl AsyncContextManager for Sleeping {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        smol::Timer::after(std::time::Duration::from_millis(1)).await;
        self.0.log("slept");
        Ok(())
    }
}

#[test]
fn a_detached_exit_may_use_the_reactor_of_smol() {
    smol::block_on(async {
        let trace = Trace::new();
        let block = async { async_with!(Sleeping(trace.clone()) => { trace.step("body").await; }) };
        cut_at(block, &trace, "body").await;
        settle().await;
        assert_eq!(trace.events(), ["body", "slept"]);
    });
}

#[test]
fn many_exits_wait_at_once() {
    const MANY: usize = 500;
    on_each_executor(async || {
        let (trace, gate) = (Trace::new(), Gate::new());
        let blocks =
            join_all((0..MANY).map(|_| endless(Traced::new("A", &trace).exit_waits(&gate), trace.clone())));
        let all_in_their_body = async {
            while trace.events().iter().filter(|event| *event == "body").count() < MANY {
                yield_once().await;
            }
        };
        match select(Box::pin(blocks), Box::pin(all_in_their_body)).await {
            Either::Left(_) => unreachable!("their bodies do not end"),
            Either::Right(((), blocks)) => drop(blocks),
        }
        let count = |event: &str| trace.events().iter().filter(|known| *known == event).count();
        while count("exit A: cancelled") < MANY {
            thread::yield_now();
        }
        assert_eq!(count("exited A"), 0);
        gate.open();
        settle().await;
        assert_eq!((count("exit A: cancelled"), count("exited A")), (MANY, MANY));
    });
}

#[test]
fn an_exit_that_does_not_end_stops_no_other() {
    on_each_executor(async || {
        let (trace, stuck, gate) = (Trace::new(), Trace::new(), Gate::new());
        let manager = Traced::new("stuck", &stuck).exit_waits(&gate);
        cut_at(endless(manager, stuck.clone()), &stuck, "body").await;
        stuck.reached("exit stuck: cancelled").await;
        for _ in 0..3 {
            let trace = Trace::new();
            cut_at(endless(Traced::new("A", &trace), trace.clone()), &trace, "body").await;
            trace.reached("exited A").await;
        }
        async_with!(Traced::new("B", &trace) => {}).unwrap();
        assert_eq!(stuck.events().last().unwrap(), "exit stuck: cancelled");
        // For ever would hold up the other tests' `settle`.
        gate.open();
        stuck.reached("exited stuck").await;
    });
}

#[test]
fn failures_and_panics_on_the_thread_go_to_the_hook_and_stop_no_other_exit() {
    let losses = losses();
    on_each_executor(async || {
        let before = (losses.of("failed on the thread").len(), losses.of("panicked on the thread").len());
        let trace = Trace::new();
        let block = async {
            async_with!(
                Traced::new("A", &trace),
                Traced::new("B", &trace).exit_fails("failed on the thread"),
                Traced::new("C", &trace).exit_panics("panicked on the thread") => { trace.step("body").await; }
            )
        };
        cut_at(block, &trace, "body").await;
        settle().await;
        assert_eq!(
            trace.events()[7..],
            [
                "exit C: cancelled",
                "exit C panicked",
                "exit B: cancelled",
                "exit B failed",
                "exit A: cancelled",
                "exited A"
            ]
        );
        let after = (losses.of("failed on the thread").len(), losses.of("panicked on the thread").len());
        assert_eq!(after, (before.0 + 1, before.1 + 1));
    });
}

#[test]
fn settle_ends_when_nothing_is_detached() {
    on_each_executor(async || {
        let trace = Trace::new();
        async_with!(Traced::new("A", &trace) => {}).unwrap();
        settle().await;
        assert_eq!(trace.events().last().unwrap(), "exited A");
    });
}

/// An error, and a value, that panic when they are dropped.
#[derive(Debug)]
struct Explosive(&'static str);

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(thread::panicking(), "{}", self.0);
    }
}

struct LeavesExplosives;

impl AsyncContextManager for LeavesExplosives {
    type Value = ();
    type Error = Explosive;

    async fn enter(&mut self) -> Result<(), Explosive> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Explosive> {
        Err(Explosive("an error exploded on the thread"))
    }
}

#[test]
fn a_destructor_that_panics_on_the_thread_stops_no_other_exit() {
    let losses = losses();
    on_each_executor(async || {
        let before = losses.of("an error exploded on the thread").len();
        let mut block = Box::pin(async { async_with!(LeavesExplosives => { pending::<()>().await }) });
        assert!(poll_once(block.as_mut()).is_pending());
        drop(block);
        let trace = Trace::new();
        cut_at(endless(Traced::new("A", &trace), trace.clone()), &trace, "body").await;
        settle().await;
        assert_eq!(trace.events().last().unwrap(), "exited A");
        // The error itself, and then the panic of its destructor.
        assert_eq!(losses.of("an error exploded on the thread").len(), before + 2);
    });
}
