//! The executors of `futures`. They bring no timer and no I/O: what they wait for comes from other threads and other tasks.

use std::thread;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::channel::{mpsc, oneshot};
use futures::executor::{LocalPool, ThreadPool};
use futures::future::{AbortHandle, Abortable, Either, select};
use futures::stream::FuturesUnordered;
use futures::task::{LocalSpawnExt, SpawnExt};
use futures::{FutureExt, SinkExt, StreamExt};

use crate::common::trace::{Gate, Trace, Traced, cut_at};
use crate::{NEST_EXITED, On, in_time, nest};

fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(in_time(future))
}

async fn wait() {
    let (sender, receiver) = oneshot::channel();
    thread::spawn(move || sender.send(()));
    receiver.await.unwrap();
}

const BLOCK_ON: crate::Executor = crate::Executor {
    exits_on_the_thread: true,
    block_on: |future| block_on(future),
    wait: || Box::pin(wait()),
    wait_here: || Box::pin(wait()),
};

mod on_one_thread {
    crate::everywhere::on!(super::BLOCK_ON);
}

/// A pool that has other tasks too.
const POOL: crate::Executor = crate::Executor {
    block_on: |future| {
        let mut pool = LocalPool::new();
        pool.spawner().spawn_local(nest(BLOCK_ON, Trace::new()).map(|_| ())).unwrap();
        pool.run_until(in_time(future));
    },
    ..BLOCK_ON
};

mod local_pool {
    crate::everywhere::on!(super::POOL);
}

fn is_nest_exited(trace: &Trace) {
    block_on(settle());
    assert_eq!(trace.events()[7..], NEST_EXITED);
}

// Pools that end.

#[test]
fn the_tasks_of_a_local_pool_that_is_dropped_are_exited_or_abandoned() {
    let (traces, local) = ([Trace::new(), Trace::new()], Trace::new());
    let mut pool = LocalPool::new();
    for trace in traces.clone() {
        pool.spawner().spawn_local(nest(BLOCK_ON, trace).map(|_| ())).unwrap();
    }
    let trace = local.clone();
    pool.spawner()
        .spawn_local(async move {
            let block = async_with!(On::new(BLOCK_ON, "A", &trace).local() => {
                trace.step("body").await;
                trace.reached("never").await;
            });
            block.unwrap();
        })
        .unwrap();
    pool.run_until(in_time(async {
        for trace in traces.iter().chain([&local]) {
            trace.reached("body").await;
        }
    }));
    drop(pool);
    assert_eq!(local.events().last().unwrap(), "abandon A");
    for trace in &traces {
        is_nest_exited(trace);
    }
}

#[test]
fn blocks_in_a_pool_that_stands_still_stay_as_they_are() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = Traced::new("A", &trace).exit_waits(&gate);
    let mut pool = LocalPool::new();
    pool.spawner().spawn_local(async { async_with!(manager => {}).unwrap() }).unwrap();
    pool.run_until_stalled();
    assert_eq!(trace.events().last().unwrap(), "exit A: completed");
    gate.open();
    block_on(settle());
    assert_eq!(trace.events().last().unwrap(), "exit A: completed", "it is not detached");
    pool.run();
    assert_eq!(trace.events().last().unwrap(), "exited A");
}

#[test]
fn a_task_of_a_thread_pool_is_exited_when_its_handle_is_dropped() {
    let trace = Trace::new();
    let pool = ThreadPool::builder().pool_size(2).create().unwrap();
    let task = pool.spawn_with_handle(nest(BLOCK_ON, trace.clone())).unwrap();
    block_on(trace.reached("body"));
    drop(task);
    // It ends when a thread of the pool comes to it.
    block_on(trace.reached("exited A"));
    is_nest_exited(&trace);
}

#[test]
fn the_tasks_of_a_thread_pool_that_is_dropped_go_on() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let pool = ThreadPool::builder().pool_size(1).create().unwrap();
    let (its_trace, its_gate) = (trace.clone(), gate.clone());
    pool.spawn_ok(async move {
        let trace = its_trace;
        async_with!(On::new(BLOCK_ON, "A", &trace) => {
            trace.step("body").await;
            its_gate.passed().await;
        })
        .unwrap();
    });
    block_on(trace.reached("body"));
    drop(pool);
    gate.open();
    block_on(trace.reached("exited A"));
    assert_eq!(trace.events()[3..], ["exit A: completed", "exited A"]);
}

// Futures that are cut.

#[test]
fn an_aborted_block_is_exited_when_the_future_around_it_is_dropped() {
    let trace = Trace::new();
    let mut pool = LocalPool::new();
    let (abort, registration) = AbortHandle::new_pair();
    let task = Abortable::new(nest(BLOCK_ON, trace.clone()), registration);
    let task = pool.spawner().spawn_local_with_handle(task).unwrap();
    pool.run_until(in_time(trace.reached("body")));
    abort.abort();
    assert!(pool.run_until(in_time(task)).is_err());
    is_nest_exited(&trace);
}

#[test]
fn blocks_that_run_concurrently_are_exited_each_by_itself() {
    let traces: Vec<_> = (0..20).map(|_| Trace::new()).collect();
    block_on(async {
        let mut blocks: FuturesUnordered<_> =
            traces.iter().map(|trace| nest(BLOCK_ON, trace.clone())).collect();
        let all_in_their_body = async {
            for trace in &traces {
                trace.reached("body").await;
            }
        };
        let all_in_their_body = std::pin::pin!(all_in_their_body);
        assert!(matches!(select(blocks.next(), all_in_their_body).await, Either::Right(_)));
    });
    for trace in &traces {
        is_nest_exited(trace);
    }
}

/// Its exit sends more than its channel has room for.
struct Sends(mpsc::Sender<String>);

impl AsyncContextManager for Sends {
    type Value = ();
    type Error = mpsc::SendError;

    async fn enter(&mut self) -> Result<(), mpsc::SendError> {
        Ok(())
    }

    async fn exit(mut self, _value: (), outcome: Outcome) -> Result<(), mpsc::SendError> {
        for part in 0..5 {
            self.0.send(format!("{part}: {outcome}")).await?;
        }
        Ok(())
    }
}

#[test]
fn a_detached_exit_may_send_to_a_task() {
    let trace = Trace::new();
    let mut pool = LocalPool::new();
    let (sender, receiver) = mpsc::channel(0);
    let receiving = pool.spawner().spawn_local_with_handle(receiver.collect::<Vec<_>>()).unwrap();
    let sent = pool.run_until(in_time(async {
        let block = async { async_with!(Sends(sender) => { trace.step("body").await; }) };
        cut_at(block, &trace, "body").await;
        settle().await;
        receiving.await
    }));
    assert_eq!(sent.concat(), "0: cancelled1: cancelled2: cancelled3: cancelled4: cancelled");
}
