//! tokio's `LocalSet`: tasks that stay on their thread. An exit that is detached leaves it: it runs on the runtime around the set,
//! or, without the feature `tokio`, on the background thread.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome, async_with, settle};
use futures::future::{BoxFuture, LocalBoxFuture};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio::time::sleep;

use crate::common::trace::{Gate, Trace, Traced, losses, yield_once};
use crate::common::ways::{WAYS, Way, leave};
use crate::{NEST_EXITED, in_time, nest};

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn drive<F: Future>(tasks: &LocalSet, runtime: &Runtime, future: F) -> F::Output {
    tasks.block_on(runtime, in_time(future))
}

/// In a detached exit without the feature `tokio` there is no timer.
fn wait() -> BoxFuture<'static, ()> {
    Box::pin(async {
        if cfg!(feature = "tokio") || Handle::try_current().is_ok() {
            sleep(Duration::from_millis(1)).await;
        } else {
            yield_once().await;
        }
    })
}

/// Awaits another task of the set.
fn wait_for_a_task() -> LocalBoxFuture<'static, ()> {
    Box::pin(async {
        let counted = Rc::new(());
        let task = spawn_local({
            let counted = Rc::clone(&counted);
            async move {
                yield_now().await;
                Rc::strong_count(&counted)
            }
        });
        assert_eq!(task.await.unwrap(), 2);
    })
}

const ON_CURRENT_THREAD: crate::Executor = crate::Executor {
    exits_on_the_thread: cfg!(not(feature = "tokio")),
    block_on: |future| drive(&LocalSet::new(), &current_thread(), future),
    wait,
    wait_here: wait_for_a_task,
};

mod on_the_current_thread {
    crate::everywhere::on!(super::ON_CURRENT_THREAD);
}

const ON_MULTI_THREAD: crate::Executor = crate::Executor {
    block_on: |future| drive(&LocalSet::new(), &multi_thread(), future),
    ..ON_CURRENT_THREAD
};

mod in_a_multi_thread_runtime {
    crate::everywhere::on!(super::ON_MULTI_THREAD);
}

const RUNTIMES: [fn() -> Runtime; 2] = [current_thread, multi_thread];

// What stays on its thread.

/// Lends a list that its tasks share, and waits for the last of them.
struct Shared(Rc<RefCell<Vec<String>>>);

impl LocalAsyncContextManager for Shared {
    type Value = Rc<RefCell<Vec<String>>>;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<Self::Value, Infallible> {
        yield_now().await;
        Ok(Rc::clone(&self.0))
    }

    async fn exit(self, list: Self::Value, outcome: Outcome) -> Result<(), Infallible> {
        let task = spawn_local(async move {
            yield_now().await;
            list.borrow_mut().push(format!("exit: {outcome}"));
        });
        task.await.unwrap();
        Ok(())
    }

    fn abandon(self, list: Self::Value) {
        spawn_local(async move {
            yield_now().await;
            list.borrow_mut().push("cleaned up".to_owned());
        });
        self.0.borrow_mut().push("abandoned".to_owned());
    }
}

#[test]
fn a_local_exit_may_spawn_local_tasks_on_every_way_out() {
    for runtime in RUNTIMES {
        let (runtime, tasks) = (runtime(), LocalSet::new());
        for way in WAYS.into_iter().filter(|way| *way != Way::Interrupt) {
            let list = Rc::new(RefCell::new(Vec::new()));
            let manager = Shared(Rc::clone(&list));
            let task = tasks.spawn_local(async move { drop(leave(manager, way, &Trace::new()).await) });
            assert_eq!(drive(&tasks, &runtime, task).is_err(), way == Way::Panic);
            assert_eq!(*list.borrow(), [format!("exit: {}", way.outcome())]);
        }
    }
}

async fn share(list: Rc<RefCell<Vec<String>>>) {
    async_with!(Shared(list) as list => {
        list.borrow_mut().push("body".to_owned());
        std::future::pending::<()>().await;
    });
}

#[test]
fn a_local_manager_that_is_abandoned_with_its_task_may_spawn_its_cleanup() {
    for runtime in RUNTIMES {
        let (runtime, tasks, list) = (runtime(), LocalSet::new(), Rc::new(RefCell::new(Vec::new())));
        let task = tasks.spawn_local(share(Rc::clone(&list)));
        drive(&tasks, &runtime, async {
            while list.borrow().is_empty() {
                yield_now().await;
            }
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        // The set ends when all its tasks have.
        runtime.block_on(in_time(tasks));
        assert_eq!(*list.borrow(), ["body", "abandoned", "cleaned up"]);
    }
}

#[test]
fn a_local_manager_that_is_abandoned_with_its_local_set_cannot() {
    for runtime in RUNTIMES {
        let (runtime, tasks, list) = (runtime(), LocalSet::new(), Rc::new(RefCell::new(Vec::new())));
        tasks.spawn_local(share(Rc::clone(&list)));
        drive(&tasks, &runtime, async {
            while list.borrow().is_empty() {
                yield_now().await;
            }
        });
        drop(tasks);
        assert_eq!(*list.borrow(), ["body", "abandoned"]);
        assert_eq!(Rc::strong_count(&list), 1, "nothing is left behind");
    }
}

#[test]
fn a_local_manager_is_abandoned_before_the_detached_exits_in_its_body_have_ended() {
    for runtime in RUNTIMES {
        let (runtime, tasks) = (runtime(), LocalSet::new());
        let (trace, gate) = (Trace::new(), Gate::new());
        let task = tasks.spawn_local({
            let (trace, gate) = (trace.clone(), gate.clone());
            async move {
                async_with!(Traced::new("A", &trace), Traced::new("B", &trace).local() => {
                    async_with!(Traced::new("C", &trace).exit_waits(&gate) => {
                        trace.step("body").await;
                        trace.reached("never").await;
                    })
                })
            }
        });
        drive(&tasks, &runtime, async {
            trace.reached("body").await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert!(trace.has("abandon B") && !trace.has("exited C"), "{:?}", trace.events());
            gate.open();
            settle().await;
        });
        let last = ["exited C", "exit A: cancelled", "exited A"];
        assert_eq!(trace.events().last_chunk().unwrap(), &last, "A is guaranteed, and has waited for C");
    }
}

/// Its exit can only run in a `LocalSet`, although it is guaranteed.
struct SpawnsLocal(Trace);

impl AsyncContextManager for SpawnsLocal {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        let trace = self.0;
        let task = spawn_local(async move { trace.log(format!("exit: {outcome}")) });
        task.await.map_err(|_| "the task was lost")
    }
}

#[test]
fn a_guaranteed_exit_that_needs_its_local_set_is_lost_when_it_is_detached() {
    let losses = losses();
    for (times, runtime) in RUNTIMES.into_iter().enumerate() {
        let (runtime, tasks, trace) = (runtime(), LocalSet::new(), Trace::new());
        drive(&tasks, &runtime, async {
            async_with!(SpawnsLocal(trace.clone()) => {}).unwrap();
            let its_trace = trace.clone();
            let task = spawn_local(async move {
                async_with!(SpawnsLocal(its_trace.clone()) => { its_trace.reached("never").await })
            });
            yield_now().await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            settle().await;
        });
        assert_eq!(trace.events(), ["exit: completed"]);
        let lost = losses.over("SpawnsLocal").split_off(times);
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(lost[0].outcome, Outcome::Cancelled);
        assert!(lost[0].error.contains("`spawn_local` called from outside"), "{lost:?}");
    }
}

// Sets and runtimes that end.

fn in_its_body(runtime: &Runtime, trace: &Trace) -> LocalSet {
    let tasks = LocalSet::new();
    tasks.spawn_local(nest(ON_CURRENT_THREAD, trace.clone()));
    drive(&tasks, runtime, trace.reached("body"));
    tasks
}

#[test]
fn the_tasks_of_a_local_set_that_is_dropped_are_exited_by_the_runtime() {
    for runtime in RUNTIMES {
        let (runtime, trace) = (runtime(), Trace::new());
        drop(in_its_body(&runtime, &trace));
        runtime.block_on(in_time(settle()));
        assert_eq!(trace.events()[7..], NEST_EXITED);
    }
}

#[test]
fn a_task_that_is_aborted_is_exited_by_the_runtime() {
    for runtime in RUNTIMES {
        let (runtime, trace) = (runtime(), Trace::new());
        let tasks = LocalSet::new();
        let task = tasks.spawn_local(nest(ON_CURRENT_THREAD, trace.clone()));
        drive(&tasks, &runtime, async {
            trace.reached("body").await;
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            settle().await;
        });
        assert_eq!(trace.events()[7..], NEST_EXITED);
    }
}

#[test]
fn a_local_set_that_is_dropped_after_its_runtime_loses_the_exits_and_says_so() {
    enum OfALocalSet {}

    let losses = losses();
    for runtime in RUNTIMES {
        let before = losses.over("OfALocalSet").len();
        let (runtime, trace) = (runtime(), Trace::new());
        let tasks = LocalSet::new();
        let its_trace = trace.clone();
        tasks.spawn_local(async move {
            let trace = its_trace;
            async_with!(Traced::new("A", &trace).marked::<OfALocalSet>(), Traced::new("B", &trace).marked::<OfALocalSet>() => {
                trace.step("body").await;
                trace.reached("never").await;
            })
        });
        drive(&tasks, &runtime, trace.reached("body"));
        drop(runtime);
        drop(tasks);
        futures::executor::block_on(in_time(settle()));
        let lost = losses.over("OfALocalSet").split_off(before);
        if cfg!(feature = "tokio") {
            assert_eq!(trace.events().last().unwrap(), "body");
            assert_eq!(lost.len(), 2, "{lost:?}");
            assert!(lost.iter().all(|loss| loss.error.contains("its runtime shut down")), "{lost:?}");
        } else {
            assert_eq!(trace.events().last_chunk().unwrap(), &["exit A: cancelled", "exited A"]);
            assert_eq!(lost.len(), 0, "{lost:?}");
        }
    }
}
