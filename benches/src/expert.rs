//! The guarantees of a block, written by hand as an expert would who measures: what `async_with!` is compared with.
//!
//! [`guaranteed`] gives what `async_with!` gives over an `AsyncContextManager`, [`local`] what it gives over a
//! `LocalAsyncContextManager`. The managers are the same types; what runs them shares nothing with the library. It is one file, to
//! show how much there is to write.
//!
//! Order is kept with numbers: each block has one, and the number of the block whose body is being polled stands in a
//! thread-local. A block that begins there notes it. Only a block that is cut enters itself in a table, where the block
//! around it finds it.
//!
//! Left out, for these cases do not need it: interrupts, observed and swallowed errors, the place of the block in a
//! report, and telling the tasks of an executor apart that is run inside a body.

use std::any::{Any, type_name};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

type Panic = Box<dyn Any + Send>;

/// What a body says about its end. `return` and `?` leave only the body: it gives them to the code after the block.
pub trait Ended {
    fn outcome(&self) -> Outcome;
}

impl Ended for () {
    fn outcome(&self) -> Outcome {
        Outcome::Completed
    }
}

impl Ended for u64 {
    fn outcome(&self) -> Outcome {
        Outcome::Completed
    }
}

impl<T, E> Ended for Result<T, E> {
    fn outcome(&self) -> Outcome {
        if self.is_ok() { Outcome::Completed } else { Outcome::Failed }
    }
}

/// `Break` is a `return` of the enclosing function.
impl<R, T> Ended for ControlFlow<R, T> {
    fn outcome(&self) -> Outcome {
        if self.is_continue() { Outcome::Completed } else { Outcome::Returned }
    }
}

/// A block whose exit always runs to its end: detached, if the future is dropped.
///
/// # Errors
///
/// What the manager reports, unless the body failed.
pub async fn guaranteed<M, T>(
    mut manager: M,
    body: impl AsyncFnOnce(&mut M::Value) -> T,
) -> Result<T, M::Error>
where
    M: AsyncContextManager,
    T: Ended,
{
    let runtime = Handle::try_current().ok();
    let value = manager.enter().await?;
    // When the results are weighed nothing else is left: each thing that a panic has to drop on its way costs.
    let (ended, exited) = {
        let place = Place { scope: Scope::begin(), runtime };
        let mut guard = Guard { owed: Some((manager, value, place)), told: Outcome::Cancelled };
        let Some((_, value, place)) = &mut guard.owed else { unreachable!() };
        // In place: passed by value, it would be in the future twice.
        let ended = place.scope.run(pin!(body(value))).await;
        guard.told = told(&ended);
        if place.scope.any_nested() {
            place.scope.nested_ended().await;
        }
        let Some((manager, value, place)) = guard.owed.take() else { unreachable!() };
        let exit = Box::pin(manager.exit(value, guard.told));
        let mut shield = Shield { running: Some((exit, place)), report: report::<M> };
        let exited = poll_fn(|cx| {
            let Some((exit, _)) = &mut shield.running else { unreachable!() };
            let polled = caught(|| exit.as_mut().poll(cx));
            if polled.is_ready() {
                shield.running = None;
            }
            polled
        });
        (ended, exited.await)
    };
    weigh::<M, _, _>(ended, exited)
}

/// A block over a manager that may borrow. If the future is dropped, the manager is abandoned, or the exit dropped.
///
/// # Errors
///
/// What the manager reports, unless the body failed.
pub async fn local<M, T>(mut manager: M, body: impl AsyncFnOnce(&mut M::Value) -> T) -> Result<T, M::Error>
where
    M: LocalAsyncContextManager,
    T: Ended,
{
    let value = manager.enter().await?;
    let (ended, exited) = {
        let mut guard = LocalGuard { owed: Some((manager, value)), scope: Scope::begin() };
        let Some((_, value)) = &mut guard.owed else { unreachable!() };
        let ended = guard.scope.run(pin!(body(value))).await;
        if guard.scope.any_nested() {
            guard.scope.nested_ended().await;
        }
        let Some((manager, value)) = guard.owed.take() else { unreachable!() };
        let mut exit = pin!(manager.exit(value, told(&ended)));
        let exited = poll_fn(|cx| caught(|| exit.as_mut().poll(cx)));
        (ended, exited.await)
    };
    weigh::<M, _, _>(ended, exited)
}

/// Owes the exit. There is no await between the end of enter and its making.
struct Guard<M: AsyncContextManager> {
    owed: Option<(M, M::Value, Place)>,
    told: Outcome,
}

/// Where a detached exit runs, and after which others.
struct Place {
    scope: Scope,
    runtime: Option<Handle>,
}

impl<M: AsyncContextManager> Drop for Guard<M> {
    fn drop(&mut self) {
        if let Some((manager, value, place)) = self.owed.take() {
            let told = self.told;
            detach(async move { manager.exit(value, told).await }, place, report::<M>);
        }
    }
}

struct LocalGuard<M: LocalAsyncContextManager> {
    owed: Option<(M, M::Value)>,
    scope: Scope,
}

impl<M: LocalAsyncContextManager> Drop for LocalGuard<M> {
    fn drop(&mut self) {
        if let Some((manager, value)) = self.owed.take() {
            manager.abandon(value);
        }
    }
}

/// Has an exit run on if it is dropped in the middle.
struct Shield<F, E>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Debug,
{
    running: Option<(Pin<Box<F>>, Place)>,
    report: Report,
}

impl<F, E> Drop for Shield<F, E>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Debug,
{
    fn drop(&mut self) {
        if let Some((exit, place)) = self.running.take() {
            detach(exit, place, self.report);
        }
    }
}

#[inline]
fn caught<T>(poll: impl FnOnce() -> Poll<T>) -> Poll<Result<T, Panic>> {
    match catch_unwind(AssertUnwindSafe(poll)) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

fn told<T: Ended>(ended: &Result<T, Panic>) -> Outcome {
    ended.as_ref().map_or(Outcome::Panicked, Ended::outcome)
}

/// The body's failure wins, else the exit's.
#[inline]
fn weigh<M, T: Ended, E: Debug>(
    ended: Result<T, Panic>,
    exited: Result<Result<(), E>, Panic>,
) -> Result<T, E> {
    match (ended, exited) {
        (Ok(value), Ok(Ok(()))) => Ok(value),
        (Ok(value), Ok(Err(error))) if value.outcome().is_success() => Err(error),
        (Ok(value), exited @ Ok(_)) => {
            report_failure(&exited, report::<M>);
            Ok(value)
        }
        (Ok(_), Err(panic)) => resume_unwind(panic),
        (Err(panic), exited) => {
            report_failure(&exited, report::<M>);
            resume_unwind(panic)
        }
    }
}

type Report = fn(&dyn Debug);

fn report_failure<E: Debug>(exited: &Result<Result<(), E>, Panic>, report: Report) {
    match exited {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report(error),
        Err(panic) => report(panic.downcast_ref::<&str>().unwrap_or(&"a panic")),
    }
}

/// Where errors go that no block can give.
fn report<M>(error: &dyn Debug) {
    eprintln!("the exit of {} failed: {error:?}", type_name::<M>());
}

thread_local! {
    static HERE: Here = const { Here { current: Cell::new(0), last: Cell::new(0) } };
}

struct Here {
    /// The block whose body is being polled. 0 is none.
    current: Cell<u64>,
    /// The last number that was given to a block.
    last: Cell<u64>,
}

/// The numbers that a thread takes at a time.
const CHUNK: u64 = 1 << 32;

/// A block, by its number.
struct Scope {
    own: u64,
    around: u64,
}

impl Scope {
    fn begin() -> Self {
        HERE.with(|here| {
            let mut last = here.last.get();
            if last.is_multiple_of(CHUNK) {
                last = next_chunk();
            }
            here.last.set(last + 1);
            Self { own: last + 1, around: here.current.get() }
        })
    }

    /// Runs a body to its end. Blocks that begin in it are nested in this one.
    async fn run<F: Future>(&self, mut body: Pin<&mut F>) -> Result<F::Output, Panic> {
        poll_fn(|cx| during(self.own, || caught(|| body.as_mut().poll(cx)))).await
    }

    #[inline]
    fn any_nested(&self) -> bool {
        any_detached() && table().any_in(self.own).is_some()
    }

    /// Waits for the detached exits of the blocks nested in this one.
    async fn nested_ended(&self) {
        loop {
            let Some(exit) = table().any_in(self.own) else { return };
            exit.ended().await;
        }
    }
}

/// What is still detached in a block that ends is now in the one around it.
impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if any_detached() {
            hand_on(self);
        }
    }
}

#[cold]
fn hand_on(scope: &Scope) {
    table().hand_on(scope.own, scope.around);
}

#[cold]
fn next_chunk() -> u64 {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    TAKEN.fetch_add(CHUNK, Ordering::Relaxed)
}

/// Polls something as a part of this block. It does not panic.
#[inline]
fn during<T>(block: u64, poll: impl FnOnce() -> T) -> T {
    let outside = HERE.with(|here| here.current.replace(block));
    let polled = poll();
    HERE.with(|here| here.current.set(outside));
    polled
}

/// Runs an exit to its end, after those of the blocks nested in its scope.
#[cold]
fn detach<E: Debug>(
    exit: impl Future<Output = Result<(), E>> + Send + 'static,
    place: Place,
    report: Report,
) {
    static BACKGROUND: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread for detached exits")
    });
    let Place { scope, runtime } = place;
    let running = Running { exit: table().enter(&scope), complete: false, report };
    let task = async move {
        // Dropped last: whoever waits for this finds the exit gone.
        let mut running = running;
        scope.nested_ended().await;
        let exited = {
            let mut exit = pin!(exit);
            poll_fn(|cx| during(scope.around, || caught(|| exit.as_mut().poll(cx)))).await
        };
        report_failure(&exited, report);
        running.complete = true;
    };
    drop(runtime.as_ref().unwrap_or_else(|| BACKGROUND.handle()).spawn(task));
}

/// A detached exit, which has ended when this is dropped: by itself, or with its runtime.
struct Running {
    exit: Arc<Exit>,
    complete: bool,
    report: Report,
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.complete {
            (self.report)(&"destroyed with its runtime");
        }
        table().leave(&self.exit);
        self.exit.ended.notify_waiters();
    }
}

/// How many exits are running detached: as long as there are none, nobody looks into the table.
static DETACHED: AtomicUsize = AtomicUsize::new(0);

#[inline]
fn any_detached() -> bool {
    DETACHED.load(Ordering::Relaxed) > 0
}

/// The exits that are running detached, by the block around them and their own number.
#[derive(Default)]
struct Table(BTreeMap<(u64, u64), Arc<Exit>>);

struct Exit {
    number: u64,
    /// Changed and looked at only with the table.
    around: AtomicU64,
    ended: Notify,
}

impl Exit {
    fn key(&self) -> (u64, u64) {
        (self.around.load(Ordering::Relaxed), self.number)
    }

    async fn ended(&self) {
        let ended = self.ended.notified();
        // What is notified from here on is not missed.
        let running = {
            let table = table();
            table.0.contains_key(&self.key())
        };
        if running {
            ended.await;
        }
    }
}

fn table() -> MutexGuard<'static, Table> {
    static TABLE: Mutex<Table> = Mutex::new(Table(BTreeMap::new()));
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    fn enter(&mut self, scope: &Scope) -> Arc<Exit> {
        let around = AtomicU64::new(scope.around);
        let exit = Arc::new(Exit { number: scope.own, around, ended: Notify::new() });
        self.0.insert(exit.key(), Arc::clone(&exit));
        DETACHED.fetch_add(1, Ordering::Relaxed);
        exit
    }

    fn leave(&mut self, exit: &Exit) {
        self.0.remove(&exit.key());
        DETACHED.fetch_sub(1, Ordering::Relaxed);
    }

    fn any_in(&self, block: u64) -> Option<Arc<Exit>> {
        let (_, exit) = self.0.range((block, 0)..=(block, u64::MAX)).next()?;
        Some(Arc::clone(exit))
    }

    fn hand_on(&mut self, block: u64, around: u64) {
        while let Some(exit) = self.any_in(block) {
            self.0.remove(&exit.key());
            exit.around.store(around, Ordering::Relaxed);
            self.0.insert(exit.key(), exit);
        }
    }
}

/// Waits until no detached exit is running.
pub async fn settle() {
    loop {
        let Some(exit) = table().0.values().next().cloned() else { return };
        exit.ended().await;
    }
}
