//! The guarantees of a block, written by hand as an expert would who measures: what `async_with!` is compared with.
//!
//! [`guaranteed`] gives what `async_with!` gives over an `AsyncContextManager`, [`local`] what it gives over a
//! `LocalAsyncContextManager`. The managers are the same types; what runs them shares nothing with the library.
//!
//! Order is kept with numbers: each block has one, and the number of the block whose body is being polled stands in a
//! thread-local. A block that begins there notes it. Only a block that is cut enters itself in a table, where the block
//! around it finds it.
//!
//! Left out, for these cases do not need it: interrupts, observed and swallowed errors, the place of the block in a
//! report, and telling the tasks of an executor apart that is run inside a body.

use std::any::{Any, type_name};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::future::poll_fn;
use std::marker::PhantomData;
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
    let owed = Some((manager, value));
    let mut guard = Guard { owed, told: Outcome::Cancelled, runtime, scope: Some(Scope::begin()) };
    let (Some((_, value)), Some(scope)) = (&mut guard.owed, &guard.scope) else { unreachable!() };
    // In place: passed by value, it would be in the future twice.
    let ended = scope.run(pin!(body(value))).await;
    guard.told = told(&ended);
    scope.nested_ended().await;
    let (Some((manager, value)), Some(scope)) = (guard.owed.take(), guard.scope.take()) else {
        unreachable!()
    };
    let exit = Box::pin(manager.exit(value, guard.told));
    let mut shield = Shield::<_, M> {
        exit: Some(exit),
        scope: Some(scope),
        runtime: guard.runtime.take(),
        manager: PhantomData,
    };
    let exited = poll_fn(|cx| {
        let Some(exit) = &mut shield.exit else { unreachable!() };
        let polled = caught(|| exit.as_mut().poll(cx));
        if polled.is_ready() {
            shield.exit = None;
        }
        polled
    });
    weigh::<M, _, _>(ended, exited.await)
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
    let mut guard = LocalGuard { owed: Some((manager, value)), scope: Scope::begin() };
    let Some((_, value)) = &mut guard.owed else { unreachable!() };
    let ended = guard.scope.run(pin!(body(value))).await;
    let told = told(&ended);
    guard.scope.nested_ended().await;
    let Some((manager, value)) = guard.owed.take() else { unreachable!() };
    let mut exit = pin!(manager.exit(value, told));
    let exited = poll_fn(|cx| caught(|| exit.as_mut().poll(cx)));
    weigh::<M, _, _>(ended, exited.await)
}

/// Owes the exit. There is no await between the end of enter and its making.
struct Guard<M: AsyncContextManager> {
    owed: Option<(M, M::Value)>,
    told: Outcome,
    runtime: Option<Handle>,
    scope: Option<Scope>,
}

impl<M: AsyncContextManager> Drop for Guard<M> {
    fn drop(&mut self) {
        if let (Some((manager, value)), Some(scope)) = (self.owed.take(), self.scope.take()) {
            let told = self.told;
            detach::<M, _>(async move { manager.exit(value, told).await }, scope, self.runtime.as_ref());
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
struct Shield<F, M>
where
    F: Future<Output = Result<(), M::Error>> + Send + 'static,
    M: AsyncContextManager,
{
    exit: Option<Pin<Box<F>>>,
    scope: Option<Scope>,
    runtime: Option<Handle>,
    manager: PhantomData<M>,
}

impl<F, M> Drop for Shield<F, M>
where
    F: Future<Output = Result<(), M::Error>> + Send + 'static,
    M: AsyncContextManager,
{
    fn drop(&mut self) {
        if let (Some(exit), Some(scope)) = (self.exit.take(), self.scope.take()) {
            detach::<M, _>(exit, scope, self.runtime.as_ref());
        }
    }
}

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
fn weigh<M, T: Ended, E: Debug>(
    ended: Result<T, Panic>,
    exited: Result<Result<(), E>, Panic>,
) -> Result<T, E> {
    match (ended, exited) {
        (Ok(value), Ok(Ok(()))) => Ok(value),
        (Ok(value), Ok(Err(error))) if value.outcome().is_success() => Err(error),
        (Ok(value), Ok(Err(error))) => {
            report::<M>(&error);
            Ok(value)
        }
        (Ok(_), Err(panic)) => resume_unwind(panic),
        (Err(panic), exited) => {
            report_failure::<M, _>(&exited);
            resume_unwind(panic)
        }
    }
}

fn report_failure<M, E: Debug>(exited: &Result<Result<(), E>, Panic>) {
    match exited {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report::<M>(error),
        Err(panic) => report::<M>(&panic.downcast_ref::<&str>().unwrap_or(&"a panic")),
    }
}

/// Where errors go that no block can give.
fn report<M>(error: &dyn Debug) {
    eprintln!("the exit of {} failed: {error:?}", type_name::<M>());
}

thread_local! {
    /// The block whose body is being polled, and the last number that was given to a block. 0 is none.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
    static LAST: Cell<u64> = const { Cell::new(0) };
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
        static TAKEN: AtomicU64 = AtomicU64::new(0);
        let last = LAST.get();
        let last = if last.is_multiple_of(CHUNK) { TAKEN.fetch_add(CHUNK, Ordering::Relaxed) } else { last };
        LAST.set(last + 1);
        Self { own: last + 1, around: CURRENT.get() }
    }

    /// Runs a body to its end. Blocks that begin in it are nested in this one.
    async fn run<F: Future>(&self, mut body: Pin<&mut F>) -> Result<F::Output, Panic> {
        poll_fn(|cx| {
            let outside = CURRENT.replace(self.own);
            let polled = caught(|| body.as_mut().poll(cx));
            CURRENT.set(outside);
            polled
        })
        .await
    }

    /// Waits for the detached exits of the blocks nested in this one.
    async fn nested_ended(&self) {
        if DETACHED.load(Ordering::Relaxed) == 0 {
            return;
        }
        loop {
            let Some(exit) = table().any_in(self.own) else { return };
            exit.ended().await;
        }
    }
}

/// What is still detached in a block that ends is now in the one around it.
impl Drop for Scope {
    fn drop(&mut self) {
        if DETACHED.load(Ordering::Relaxed) > 0 {
            table().hand_on(self.own, self.around);
        }
    }
}

/// Runs an exit to its end, after those of the blocks nested in its scope.
fn detach<M, E: Debug>(
    exit: impl Future<Output = Result<(), E>> + Send + 'static,
    scope: Scope,
    runtime: Option<&Handle>,
) {
    static BACKGROUND: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a thread for detached exits")
    });
    let running = Running { number: scope.own, complete: false, report: report::<M> };
    table().enter(&scope);
    let task = async move {
        // Dropped last: whoever waits for this finds the exit gone.
        let mut running = running;
        scope.nested_ended().await;
        let mut exit = Box::pin(exit);
        let exited = poll_fn(|cx| {
            let outside = CURRENT.replace(scope.around);
            let polled = caught(|| exit.as_mut().poll(cx));
            CURRENT.set(outside);
            polled
        });
        report_failure::<M, _>(&exited.await);
        drop(exit);
        running.complete = true;
    };
    drop(runtime.unwrap_or_else(|| BACKGROUND.handle()).spawn(task));
}

/// A detached exit, which has ended when this is dropped: by itself, or with its runtime.
struct Running {
    number: u64,
    complete: bool,
    report: fn(&dyn Debug),
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.complete {
            (self.report)(&"destroyed with its runtime");
        }
        if let Some(exit) = table().leave(self.number) {
            exit.ended.notify_waiters();
        }
    }
}

/// How many exits are running detached: as long as there are none, nobody looks into the table.
static DETACHED: AtomicUsize = AtomicUsize::new(0);

/// The exits that are running detached.
#[derive(Default)]
struct Table {
    exits: HashMap<u64, Exit>,
    /// The block around and the exit in it.
    inside: BTreeSet<(u64, u64)>,
}

#[derive(Clone)]
struct Exit {
    number: u64,
    around: u64,
    ended: Arc<Notify>,
}

impl Exit {
    async fn ended(&self) {
        let ended = self.ended.notified();
        // What is notified from here on is not missed.
        let running = table().exits.contains_key(&self.number);
        if running {
            ended.await;
        }
    }
}

fn table() -> MutexGuard<'static, Table> {
    static TABLE: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    fn enter(&mut self, scope: &Scope) {
        let exit = Exit { number: scope.own, around: scope.around, ended: Arc::default() };
        self.inside.insert((exit.around, exit.number));
        self.exits.insert(exit.number, exit);
        DETACHED.fetch_add(1, Ordering::Relaxed);
    }

    fn leave(&mut self, number: u64) -> Option<Exit> {
        let exit = self.exits.remove(&number)?;
        self.inside.remove(&(exit.around, number));
        DETACHED.fetch_sub(1, Ordering::Relaxed);
        Some(exit)
    }

    fn any_in(&self, block: u64) -> Option<Exit> {
        let (_, number) = self.inside.range((block, 0)..=(block, u64::MAX)).next()?;
        self.exits.get(number).cloned()
    }

    fn hand_on(&mut self, block: u64, around: u64) {
        let inside: Vec<_> = self.inside.range((block, 0)..=(block, u64::MAX)).copied().collect();
        for (_, number) in inside {
            self.inside.remove(&(block, number));
            self.inside.insert((around, number));
            if let Some(exit) = self.exits.get_mut(&number) {
                exit.around = around;
            }
        }
    }
}

/// Waits until no detached exit is running.
pub async fn settle() {
    loop {
        let Some(exit) = table().exits.values().next().cloned() else { return };
        exit.ended().await;
    }
}
