//! The expert's block keeps what it promises: else it would be no measure for the macro.
#![deny(warnings, clippy::all, clippy::pedantic)]

use std::future::{Future, pending};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome};
use benches::expert::{guaranteed, local, settle};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Writes down what happens to it. Its exit waits for a permit, and fails if told to.
struct Recorder {
    log: Log,
    name: &'static str,
    gate: Option<Arc<Semaphore>>,
    fails: bool,
}

impl Recorder {
    fn new(name: &'static str, log: &Log) -> Self {
        Self { log: log.clone(), name, gate: None, fails: false }
    }

    fn gated(self, gate: &Arc<Semaphore>) -> Self {
        Self { gate: Some(Arc::clone(gate)), ..self }
    }

    fn failing(self) -> Self {
        Self { fails: true, ..self }
    }
}

impl AsyncContextManager for Recorder {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.log.add(format!("enter {}", self.name));
        Ok(())
    }

    async fn exit(self, (): (), outcome: Outcome) -> Result<(), &'static str> {
        self.log.add(format!("exit {}: {outcome}", self.name));
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        yield_now().await;
        self.log.add(format!("exited {}", self.name));
        if self.fails { Err("the exit") } else { Ok(()) }
    }
}

/// Borrows.
struct Borrower<'a>(&'a Log);

impl LocalAsyncContextManager for Borrower<'_> {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.add("enter local".to_owned());
        Ok(())
    }

    async fn exit(self, (): (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.add(format!("exit local: {outcome}"));
        Ok(())
    }

    fn abandon(self, (): ()) {
        self.0.add("abandon local".to_owned());
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls once, and drops.
fn cut(future: impl Future) {
    assert!(poll_once(pin!(future)).is_pending(), "it waits");
}

async fn inner(log: &Log, gate: &Arc<Semaphore>) {
    guaranteed(Recorder::new("C", log).gated(gate), async |()| pending::<()>().await).await.unwrap();
}

#[tokio::test]
async fn what_the_body_gives_is_told_and_given() {
    let log = Log::default();
    let value = guaranteed(Recorder::new("A", &log), async |()| 3).await;
    assert_eq!(value, Ok(3));
    let failed = guaranteed(Recorder::new("A", &log), async |()| Err::<(), _>("the body")).await;
    assert_eq!(failed, Ok(Err("the body")));
    let left = local(Borrower(&log), async |()| ControlFlow::<u64>::Break(4)).await;
    assert_eq!(left, Ok(ControlFlow::Break(4)));
    let lines = ["enter A", "exit A: completed", "exited A", "enter A", "exit A: failed", "exited A"];
    assert_eq!(log.take(), [&lines[..], &["enter local", "exit local: returned"]].concat());
}

#[tokio::test]
async fn an_exit_that_fails_wins_unless_the_body_failed() {
    let log = Log::default();
    let failed = guaranteed(Recorder::new("A", &log).failing(), async |()| 3).await;
    assert_eq!(failed, Err("the exit"));
    let failed = guaranteed(Recorder::new("A", &log).failing(), async |()| Err::<(), _>("the body")).await;
    assert_eq!(failed, Ok(Err("the body")));
}

#[tokio::test]
async fn a_panic_goes_on_after_the_exit() {
    let log = Log::default();
    let task = tokio::spawn({
        let log = log.clone();
        async move {
            let _: Result<(), _> =
                guaranteed(Recorder::new("A", &log).failing(), async |()| panic_any("on purpose")).await;
        }
    });
    let panic = task.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    assert_eq!(log.take(), ["enter A", "exit A: panicked", "exited A"]);
    let block = local(Borrower(&log), async |()| -> () { panic_any("on purpose") });
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(pin!(block)).map(drop))).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    assert_eq!(log.take(), ["enter local", "exit local: panicked"]);
}

#[tokio::test]
async fn three_nested_that_are_cut_are_exited_from_the_inside() {
    let (log, gate) = (Log::default(), Arc::new(Semaphore::new(0)));
    cut(guaranteed(Recorder::new("A", &log), async |()| {
        guaranteed(Recorder::new("B", &log), async |()| inner(&log, &gate).await).await
    }));
    let first = ["enter A", "enter B", "enter C", "exit C: cancelled"];
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(log.take(), first);
    gate.add_permits(1);
    settle().await;
    assert_eq!(log.take(), ["exited C", "exit B: cancelled", "exited B", "exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn an_exit_awaited_in_place_waits_for_what_was_cut_in_the_body() {
    let (log, gate) = (Log::default(), Arc::new(Semaphore::new(0)));
    let mut block = pin!(guaranteed(Recorder::new("A", &log), async |()| {
        // A local block between the two that is cut as well: it has nothing that waits, and hands on what does.
        cut(local(Borrower(&log), async |()| inner(&log, &gate).await));
    }));
    for _ in 0..10 {
        assert!(poll_once(block.as_mut()).is_pending());
        yield_now().await;
    }
    assert_eq!(log.take(), ["enter A", "enter local", "enter C", "abandon local", "exit C: cancelled"]);
    gate.add_permits(1);
    assert_eq!(block.await, Ok(()));
    assert_eq!(log.take(), ["exited C", "exit A: completed", "exited A"]);
}

#[tokio::test]
async fn an_exit_that_is_cut_goes_on_where_it_was() {
    let (log, gate) = (Log::default(), Arc::new(Semaphore::new(0)));
    cut(guaranteed(Recorder::new("A", &log), async |()| {
        guaranteed(Recorder::new("B", &log).gated(&gate), async |()| 3).await
    }));
    assert_eq!(log.take(), ["enter A", "enter B", "exit B: completed"]);
    gate.add_permits(1);
    settle().await;
    assert_eq!(log.take(), ["exited B", "exit A: cancelled", "exited A"]);
}

#[test]
fn without_a_runtime_a_detached_exit_runs_in_the_background() {
    let log = Log::default();
    cut(guaranteed(Recorder::new("A", &log), async |()| pending::<()>().await));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(settle());
    assert_eq!(log.take(), ["enter A", "exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn blocks_side_by_side_do_not_wait_for_each_other() {
    let (log, gate) = (Log::default(), Arc::new(Semaphore::new(0)));
    cut(inner(&log, &gate));
    assert_eq!(guaranteed(Recorder::new("A", &log), async |()| 3).await, Ok(3));
    let before = log.take();
    assert!(
        before.contains(&"exited A".to_owned()) && !before.contains(&"exited C".to_owned()),
        "{before:?}"
    );
    gate.add_permits(1);
    settle().await;
    assert_eq!(log.take(), ["exited C"]);
}
