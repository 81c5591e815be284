//! 100,000 scopes that are live at once, and cut at once: every exit runs, `settle` returns, and the memory goes back.
//!
//! The tests are alone in their process and run one after the other, because the allocator, which counts the bytes that are in
//! use, and `settle` are those of the process. The memory that the system counts would not do: it goes back by pages, and when
//! `malloc` pleases.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::alloc::System;
use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::future::BoxFuture;
use futures::poll;
use futures::stream::{FuturesUnordered, StreamExt};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::common::Plain;
use crate::common::trace::{Gate, yield_once};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SCOPES: usize = 100_000;

/// How many bytes may be in use afterwards that were not before. One that each scope left behind would be twice as many; what
/// the threads of the runtime and of the test harness keep for themselves is far less.
const LEFT: usize = SCOPES / 2;

/// Longer than any machine takes.
const LIMIT: Duration = Duration::from_secs(300);

fn bytes_in_use() -> usize {
    let stats = MEMORY.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Where the scopes are when they are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Body,
    /// The innermost ones wait in their exit, the others in their body.
    Exit,
}

/// The states of one scope, in their order.
const OUTSIDE: u8 = 0;
const ENTERED: u8 = 1;
const EXITING: u8 = 2;
const EXITED: u8 = 3;

struct All {
    stage: Stage,
    states: Vec<AtomicU8>,
    /// For each scope, how many in it have been entered whose exits have not ended.
    inside: Vec<AtomicUsize>,
    entered: AtomicUsize,
    exiting: AtomicUsize,
    exited: AtomicUsize,
    faults: Mutex<Vec<String>>,
    /// Holds up the innermost exits.
    gate: Gate,
}

impl All {
    fn new(scopes: usize, stage: Stage) -> Arc<Self> {
        Arc::new(Self {
            stage,
            states: (0..scopes).map(|_| AtomicU8::new(OUTSIDE)).collect(),
            inside: (0..scopes).map(|_| AtomicUsize::new(0)).collect(),
            entered: AtomicUsize::new(0),
            exiting: AtomicUsize::new(0),
            exited: AtomicUsize::new(0),
            faults: Mutex::default(),
            gate: Gate::new(),
        })
    }

    fn check(&self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.faults.lock().unwrap().push(what());
        }
    }

    fn step(&self, scope: usize, from: u8, to: u8, counter: &AtomicUsize) {
        let was = self.states[scope].swap(to, Ordering::SeqCst);
        self.check(was == from, || format!("scope {scope} came to state {to} from {was}"));
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// One scope, by its number.
struct One {
    scope: usize,
    around: Option<usize>,
    innermost: bool,
    all: Arc<All>,
}

impl AsyncContextManager for One {
    type Value = usize;
    type Error = &'static str;

    async fn enter(&mut self) -> Result<usize, &'static str> {
        yield_once().await;
        if let Some(around) = self.around {
            self.all.inside[around].fetch_add(1, Ordering::SeqCst);
        }
        self.all.step(self.scope, OUTSIDE, ENTERED, &self.all.entered);
        Ok(self.scope)
    }

    async fn exit(self, value: usize, outcome: Outcome) -> Result<(), &'static str> {
        let Self { scope, around, innermost, all } = self;
        let had_begun = innermost && all.stage == Stage::Exit;
        let told = if had_begun { Outcome::Completed } else { Outcome::Cancelled };
        all.check(outcome == told, || format!("scope {scope} was told {outcome}"));
        all.check(value == scope, || format!("scope {scope} got the value {value}"));
        let inside = all.inside[scope].load(Ordering::SeqCst);
        all.check(inside == 0, || format!("the exit of {scope} began before {inside} in it were over"));
        all.step(scope, ENTERED, EXITING, &all.exiting);
        yield_once().await;
        if innermost {
            all.gate.passed().await;
        }
        yield_once().await;
        all.step(scope, EXITING, EXITED, &all.exited);
        if let Some(around) = around {
            all.inside[around].fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

type Blocks = BoxFuture<'static, Result<(), &'static str>>;

/// Ten scopes in four futures: alone, nested, as items of one block, and side by side.
const GROUP: usize = 10;
const INNERMOST_OF_GROUP: usize = 5;

fn group(all: &Arc<All>, offset: usize) -> [Blocks; 4] {
    let one = |scope: usize, around: Option<usize>, innermost| One {
        scope: offset + scope,
        around: around.map(|around| offset + around),
        innermost,
        all: Arc::clone(all),
    };
    let stage = all.stage;
    let body = async move || {
        if stage == Stage::Body {
            pending::<()>().await;
        }
    };
    let alone = one(0, None, true);
    let (outer, inner) = (one(1, None, false), one(2, Some(1), true));
    let (first, second, third) = (one(3, None, false), one(4, Some(3), false), one(5, Some(4), true));
    let (around, left) = (one(6, None, false), one(7, Some(6), true));
    let (right, in_right) = (one(8, Some(6), false), one(9, Some(8), true));
    [
        Box::pin(async move { async_with!(alone => { body().await }) }),
        Box::pin(async move { async_with!(outer => { async_with!(inner => { body().await })? }) }),
        Box::pin(async move { async_with!(first, second => { async_with!(third => { body().await })? }) }),
        Box::pin(async move {
            async_with!(around => {
                let (left, right) = futures::join!(
                    async { async_with!(left => { body().await }) },
                    async { async_with!(right, in_right => { body().await }) },
                );
                left.and(right)?;
            })
        }),
    ]
}

/// Waits for something that threads do meanwhile.
async fn until(reached: impl Fn() -> bool) {
    while !reached() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

impl All {
    fn blocks(self: &Arc<Self>) -> impl Iterator<Item = Blocks> {
        (0..self.states.len()).step_by(GROUP).flat_map(|offset| group(self, offset))
    }

    /// Waits until all scopes are where they are to be cut.
    async fn live(&self) {
        let scopes = self.states.len();
        let exiting = if self.stage == Stage::Exit { scopes / GROUP * INNERMOST_OF_GROUP } else { 0 };
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        until(|| count(&self.entered) == scopes && count(&self.exiting) == exiting).await;
    }
}

/// What was seen of the memory.
struct Seen {
    live: usize,
    detached: usize,
}

async fn cut_at_once<C>(scopes: usize, stage: Stage, cut: C) -> Seen
where
    C: AsyncFn(&Arc<All>) -> usize,
{
    let before = bytes_in_use();
    let all = All::new(scopes, stage);
    let live = cut(&all).await;
    // All innermost exits are detached now, and the others wait for them.
    until(|| all.exiting.load(Ordering::SeqCst) == scopes / GROUP * INNERMOST_OF_GROUP).await;
    let detached = bytes_in_use();
    let mut settled = pin!(settle());
    assert!(poll!(&mut settled).is_pending(), "no exit has ended");
    assert_eq!(all.exited.load(Ordering::SeqCst), 0);
    all.gate.open();
    settled.await;
    let faults = std::mem::take(&mut *all.faults.lock().unwrap());
    assert!(
        faults.is_empty(),
        "{} faults, the first are {:#?}",
        faults.len(),
        &faults[..faults.len().min(10)]
    );
    let left: Vec<_> =
        (0..scopes).filter(|scope| all.states[*scope].load(Ordering::SeqCst) != EXITED).collect();
    assert!(
        left.is_empty(),
        "settled, but {} exits have not ended: {:?}",
        left.len(),
        &left[..left.len().min(10)]
    );
    let counts = [&all.entered, &all.exiting, &all.exited].map(|counter| counter.load(Ordering::SeqCst));
    assert_eq!(counts, [scopes; 3], "entered, exits begun, exits ended");
    Seen { live: live.saturating_sub(before), detached: detached.saturating_sub(before) }
}

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts all scopes, has `cut` cut them, which gives the bytes that were in use before it did, and checks what came of it.
fn check<C>(what: &str, stage: Stage, cut: C)
where
    C: AsyncFn(&Arc<All>) -> usize + Copy,
{
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        timeout(LIMIT, async {
            // What is allocated once and kept.
            cut_at_once(10 * GROUP, stage, cut).await;
            let (before, start) = (bytes_in_use(), Instant::now());
            let Seen { live, detached } = cut_at_once(SCOPES, stage, cut).await;
            let took = start.elapsed();
            // A task frees its memory a little after the exit in it has ended.
            let freed = timeout(Duration::from_secs(60), until(|| bytes_in_use() <= before + LEFT)).await;
            let left = bytes_in_use().saturating_sub(before);
            println!(
                "{SCOPES} scopes, {what}: {} bytes each when live, {} when detached; {left} bytes left of all; {took:.1?}",
                live / SCOPES,
                detached / SCOPES,
            );
            assert!(freed.is_ok(), "{left} bytes are still in use, of {live}");
            assert!(live > SCOPES * size_of::<One>(), "the bytes are not counted");
        })
        .await
        .expect("the scopes are entered and exited in time");
    });
}

async fn drop_futures(all: &Arc<All>) -> usize {
    let mut blocks: FuturesUnordered<_> = all.blocks().collect();
    tokio::select! {
        ended = blocks.next() => panic!("a block ended: {ended:?}"),
        () = all.live() => {}
    }
    let live = bytes_in_use();
    drop(blocks);
    live
}

#[test]
fn futures_in_their_bodies_that_are_dropped_at_once() {
    check("futures dropped in their bodies", Stage::Body, drop_futures);
}

#[test]
fn futures_in_their_exits_that_are_dropped_at_once() {
    check("futures dropped in their exits", Stage::Exit, drop_futures);
}

#[test]
fn a_set_of_tasks_that_is_dropped() {
    check("a JoinSet dropped", Stage::Body, async |all| {
        let tasks: JoinSet<_> = all.blocks().collect();
        all.live().await;
        let live = bytes_in_use();
        drop(tasks);
        live
    });
}

#[test]
fn tasks_that_are_aborted_at_once() {
    check("tasks aborted", Stage::Body, async |all| {
        let tasks: Vec<_> = all.blocks().map(tokio::spawn).collect();
        all.live().await;
        let live = bytes_in_use();
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        live
    });
}

#[test]
fn tasks_whose_select_takes_another_branch_at_once() {
    check("cut by select!", Stage::Body, async |all| {
        let stop = Gate::new();
        let task = |blocks: Blocks| {
            let stop = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    ended = blocks => panic!("a block ended: {ended:?}"),
                    () = stop.passed() => {}
                }
            })
        };
        let tasks: Vec<_> = all.blocks().map(task).collect();
        all.live().await;
        let live = bytes_in_use();
        stop.open();
        for task in tasks {
            task.await.unwrap();
        }
        live
    });
}

/// Such as that of a server, in which requests run into their timeouts.
#[test]
fn a_body_that_goes_on_forgets_the_blocks_that_were_cut_in_it() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        async_with!(Plain => {
            let cut = async || {
                let mut block = Box::pin(async { async_with!(Plain => { pending::<()>().await }) });
                assert!(poll!(&mut block).is_pending());
                drop(block);
                settle().await;
            };
            cut().await;
            let before = bytes_in_use();
            for _ in 0..SCOPES {
                cut().await;
            }
            let left = bytes_in_use().saturating_sub(before);
            println!("{SCOPES} scopes, cut one after the other in a body: {left} bytes left of all");
            assert!(left <= LEFT, "{left} bytes are still in use");
        });
    });
}
