//! Blocks and exits that a runtime takes with it when it ends: what runs, what does not, and that the lost-error hook is told of
//! each exit that did not end.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod end_of_main;
mod races;

use std::future::pending;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use async_with::{Outcome, async_with, settle};
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;

use crate::cases::{CASES, Case, endless};
use crate::common::trace::{Gate, Loss, Trace, Traced, cut_at, losses, poll_once};

/// How a runtime ends.
type End = (&'static str, fn() -> Runtime, fn(Runtime));

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

const ENDS: [End; 6] = [
    ("a current_thread runtime, dropped", current_thread, drop),
    ("a current_thread runtime, shut down in the background", current_thread, Runtime::shutdown_background),
    ("a current_thread runtime, shut down with a timeout", current_thread, within_a_moment),
    ("a multi_thread runtime, dropped", multi_thread, drop),
    ("a multi_thread runtime, shut down in the background", multi_thread, Runtime::shutdown_background),
    ("a multi_thread runtime, shut down with a timeout", multi_thread, within_a_moment),
];

fn within_a_moment(runtime: Runtime) {
    runtime.shutdown_timeout(Duration::from_millis(10));
}

/// The tests run one after the other: the hook cannot tell whose exit it is told of.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lost() -> Vec<Loss> {
    losses().over("")
}

/// Waits for what other threads do. A runtime that ends in the background drops its tasks whenever it comes to it.
#[track_caller]
fn until(reached: impl Fn() -> bool, what: impl Fn() -> String) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", what());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn each_exit_that_a_runtime_destroys_is_reported_and_nothing_else_is() {
    let _alone = alone();
    for (end, runtime, shut_down) in ENDS {
        for Case { what, task, point, events, lost: told } in CASES {
            let (runtime, trace, never) = (runtime(), Trace::new(), Gate::new());
            let before = lost().len();
            runtime.spawn(task(trace.clone(), never));
            runtime.block_on(trace.reached(point));
            let count = trace.events().len();
            assert_eq!(lost().len(), before, "{what}, {end}: nothing is lost as long as it runs");
            shut_down(runtime);
            let what = || format!("{what}, {end}: {:?}, {:?}", trace.events(), &lost()[before..]);
            // The reports come last.
            until(
                || lost().len() >= before + told.len() && trace.events().len() >= count + events.len(),
                what,
            );
            assert_eq!(trace.events()[count..], *events, "{}", what());
            let lost = &lost()[before..];
            // A runtime drops its tasks in its own order.
            let sorted = |mut outcomes: Vec<Outcome>| {
                outcomes.sort_by_key(ToString::to_string);
                outcomes
            };
            let reported = sorted(lost.iter().map(|loss| loss.outcome).collect());
            assert_eq!(reported, sorted(told.to_vec()), "{}", what());
            for loss in lost {
                assert!(
                    loss.file.ends_with("cases.rs") && loss.error.contains("its runtime shut down"),
                    "{loss:?}"
                );
            }
            // What is gone holds up nobody.
            futures::executor::block_on(settle());
        }
    }
}

#[test]
fn nothing_is_lost_when_the_tasks_are_ended_and_settled_first() {
    let _alone = alone();
    for (end, runtime, shut_down) in ENDS {
        for Case { what, task, point, .. } in CASES {
            let (runtime, trace, gate) = (runtime(), Trace::new(), Gate::new());
            let before = lost().len();
            let task = runtime.spawn(task(trace.clone(), gate.clone()));
            runtime.block_on(async {
                trace.reached(point).await;
                task.abort();
                let _ = task.await;
                gate.open();
                settle().await;
            });
            let settled = trace.events();
            shut_down(runtime);
            assert_eq!(trace.events(), settled, "{what}, {end}: nothing was left to do");
            let count = |kind| settled.iter().filter(|event| event.starts_with(kind)).count();
            assert_eq!(count("entered "), count("exited ") + count("abandon "), "{what}, {end}: {settled:?}");
            assert_eq!(lost().len(), before, "{what}, {end}: {:?}", &lost()[before..]);
        }
    }
}

#[test]
fn a_local_manager_is_abandoned_or_its_exit_dropped_and_neither_is_reported() {
    let _alone = alone();
    for (end, runtime, shut_down) in ENDS {
        let before = lost().len();
        let (runtime, trace, never) = (runtime(), Trace::new(), Gate::new());
        let tasks = LocalSet::new();
        for (name, ends) in [("A", false), ("B", true)] {
            let (trace, never) = (trace.clone(), never.clone());
            tasks.spawn_local(async move {
                async_with!(Traced::new(name, &trace).exit_waits(&never).local() => {
                    if !ends {
                        endless(&trace).await;
                    }
                })
            });
        }
        tasks.block_on(&runtime, async {
            trace.reached("body").await;
            trace.reached("exit B: completed").await;
        });
        let count = trace.events().len();
        shut_down(runtime);
        drop(tasks);
        let mut events = trace.events().split_off(count);
        events.sort();
        assert_eq!(events, ["abandon A", "exit B dropped"], "{end}");
        assert_eq!(lost().len(), before, "{end}");
    }
}

#[test]
fn a_block_that_began_where_there_is_no_runtime_is_exited_to_the_end() {
    let _alone = alone();
    for (end, runtime, shut_down) in ENDS {
        let (runtime, trace, gate) = (runtime(), Trace::new(), Gate::new());
        let before = lost().len();
        let mut block = Box::pin({
            let (trace, gate) = (trace.clone(), gate.clone());
            async move { async_with!(Traced::new("A", &trace).exit_waits(&gate) => { endless(&trace).await }) }
        });
        while !trace.has("body") {
            assert!(poll_once(block.as_mut()).is_pending());
        }
        let (polled, is_polled) = futures::channel::oneshot::channel();
        runtime.spawn(async move {
            assert!(futures::poll!(block.as_mut()).is_pending());
            polled.send(()).unwrap();
            block.await
        });
        runtime.block_on(is_polled).unwrap();
        shut_down(runtime);
        futures::executor::block_on(async {
            trace.reached("exit A: cancelled").await;
            gate.open();
            settle().await;
        });
        assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"], "{end}");
        assert_eq!(lost().len(), before, "{end}");
    }
}

#[test]
fn a_block_on_a_second_runtime_goes_on_when_the_one_around_it_ends() {
    let _alone = alone();
    for (end, make, shut_down) in ENDS {
        if end.contains("dropped") {
            // It would wait for its blocking threads.
            continue;
        }
        let (runtime, trace, gate) = (make(), Trace::new(), Gate::new());
        let before = lost().len();
        let (over, is_over) = mpsc::channel();
        {
            let (trace, gate) = (trace.clone(), gate.clone());
            runtime.spawn_blocking(move || {
                let second = make();
                let inner = second.spawn({
                    let (trace, gate) = (trace.clone(), gate.clone());
                    async move {
                        async_with!(Traced::new("A", &trace).exit_waits(&gate) => { endless(&trace).await })
                    }
                });
                second.block_on(async {
                    async_with!(Traced::new("B", &trace) => {
                        trace.reached("body").await;
                        gate.passed().await;
                        inner.abort();
                        assert!(inner.await.unwrap_err().is_cancelled());
                    })
                    .unwrap();
                    settle().await;
                });
                shut_down(second);
                over.send(()).unwrap();
            });
        }
        runtime.block_on(trace.reached("body"));
        shut_down(runtime);
        gate.open();
        is_over.recv_timeout(Duration::from_secs(60)).unwrap();
        for exit in ["exit A: cancelled", "exited A", "exit B: completed", "exited B"] {
            assert!(trace.has(exit), "{end}: {:?}", trace.events());
        }
        assert_eq!(lost().len(), before, "{end}");
    }
}

#[test]
fn an_outer_exit_on_another_runtime_runs_when_the_inner_one_has_been_lost() {
    let _alone = alone();
    for (end, runtime, shut_down) in ENDS {
        let (inner_runtime, outer_runtime) = (runtime(), multi_thread());
        let (trace, never) = (Trace::new(), Gate::new());
        let before = lost().len();
        outer_runtime.block_on(async {
            let inner = Traced::new("B", &trace).exit_waits(&never);
            let blocks = async {
                async_with!(Traced::new("A", &trace) => {
                    let mut inner = pin!(async { async_with!(inner => { endless(&trace).await }) });
                    std::future::poll_fn(|cx| {
                        let _entered = inner_runtime.enter();
                        inner.as_mut().poll(cx)
                    })
                    .await
                })
            };
            cut_at(async { blocks.await.map(drop) }, &trace, "body").await;
        });
        inner_runtime.block_on(trace.reached("exit B: cancelled"));
        assert!(!trace.has("exit A: cancelled"));
        shut_down(inner_runtime);
        outer_runtime.block_on(settle());
        assert_eq!(
            trace.events()[5..],
            ["exit B: cancelled", "exit B dropped", "exit A: cancelled", "exited A"],
            "{end}"
        );
        let lost = lost().split_off(before);
        assert_eq!(lost.iter().map(|loss| loss.outcome).collect::<Vec<_>>(), [Outcome::Cancelled], "{end}");
    }
}

#[test]
fn a_body_that_blocks_its_thread_is_cut_at_its_next_await() {
    let _alone = alone();
    for (end, runtime, shut_down) in &ENDS[4..] {
        let (runtime, trace, gate) = (runtime(), Trace::new(), Gate::new());
        let before = lost().len();
        runtime.spawn({
            let (trace, gate) = (trace.clone(), gate.clone());
            async move {
                async_with!(Traced::new("A", &trace) => {
                    trace.log("blocks");
                    futures::executor::block_on(gate.passed());
                    trace.log("goes on");
                    pending::<()>().await;
                })
            }
        });
        runtime.block_on(trace.reached("blocks"));
        shut_down(runtime);
        assert_eq!(lost().len(), before, "{end}: it runs on");
        gate.open();
        until(|| lost().len() == before + 1, || format!("{end}: {:?}", trace.events()));
        assert_eq!(trace.events().last().unwrap(), "goes on", "{end}: no exit");
        assert_eq!(lost()[before].outcome, Outcome::Cancelled, "{end}");
    }
}
