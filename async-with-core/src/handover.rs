//! What becomes of an exit whose block was dropped: it runs on, detached, after the exits of the blocks nested in it.
//!
//! Order is kept without a cost for blocks that are not dropped. A scope has a number, and notes the number of the scope
//! whose body was being polled when it began: its parent. Only when an exit is detached is it entered here, under its
//! parent. Whoever ends later, in the same cascade of drops or long after, finds the running exits of its children
//! under its own number and lets them end before its own exit starts.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use crate::lost::Site;
use crate::scope::{Payload, unwinding};
use crate::{Outcome, background};

/// The number of a scope; 0 is no scope.
pub(crate) type ScopeId = u64;

thread_local! {
    /// The scope whose body is being polled on this thread.
    static CURRENT: Cell<ScopeId> = const { Cell::new(0) };
    /// The numbers reserved for this thread: the next one, and the first that is not.
    static RESERVED: Cell<(ScopeId, ScopeId)> = const { Cell::new((0, 0)) };
}

fn next_id() -> ScopeId {
    /// Threads take numbers in lots, so that they do not contend for them.
    const LOT: u64 = 1024;
    static NEXT_LOT: AtomicU64 = AtomicU64::new(1);
    let lot = || {
        let first = NEXT_LOT.fetch_add(LOT, Ordering::Relaxed);
        (first, first + LOT)
    };
    // A future may be dropped while its thread is being torn down: then there is no reserve to draw from.
    RESERVED
        .try_with(|reserved| {
            let (mut next, mut end) = reserved.get();
            if next == end {
                (next, end) = lot();
            }
            reserved.set((next + 1, end));
            next
        })
        .unwrap_or_else(|_| lot().0)
}

fn current() -> ScopeId {
    CURRENT.try_with(Cell::get).unwrap_or(0)
}

/// Marks a scope as the current one while its body is being polled.
pub(crate) struct Polling {
    outer: ScopeId,
}

impl Polling {
    pub(crate) fn body_of(id: ScopeId) -> Self {
        Self { outer: CURRENT.try_with(|current| current.replace(id)).unwrap_or(0) }
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| current.set(self.outer));
    }
}

/// Where detached exits run.
#[derive(Clone, Default)]
#[doc(hidden)]
pub enum Runtime {
    #[default]
    Background,
    #[cfg(feature = "tokio")]
    Tokio(tokio::runtime::Handle),
}

impl Runtime {
    pub(crate) fn current() -> Self {
        #[cfg(feature = "tokio")]
        if let Ok(handle) = tokio::runtime::Handle::try_current() {
            return Self::Tokio(handle);
        }
        Self::Background
    }

    fn spawn(self, exit: Pin<Box<dyn Future<Output = ()> + Send>>) {
        match self {
            Self::Background => background::spawn(exit),
            #[cfg(feature = "tokio")]
            Self::Tokio(handle) => drop(handle.spawn(exit)),
        }
    }
}

/// The place of a scope among the others, in the source, and on a runtime.
#[doc(hidden)]
pub struct Place {
    pub(crate) id: ScopeId,
    parent: ScopeId,
    runtime: Runtime,
    pub(crate) site: Site,
}

impl Place {
    #[track_caller]
    pub(crate) fn new<M>(runtime: Runtime) -> Self {
        Self { id: next_id(), parent: current(), runtime, site: Site::of::<M>() }
    }

    /// Moves the place out; what stays behind only serves to report errors.
    pub(crate) fn take(&mut self) -> Self {
        Self { runtime: std::mem::take(&mut self.runtime), ..*self }
    }
}

/// All detached exits that have not ended.
struct Detached {
    running: usize,
    by_parent: BTreeMap<(ScopeId, ScopeId), Arc<Ended>>,
    settling: Vec<Waker>,
}

static DETACHED: Mutex<Detached> =
    Mutex::new(Detached { running: 0, by_parent: BTreeMap::new(), settling: Vec::new() });

/// How many entries `by_parent` has: what a scope that ends reads to know that it need not take the lock.
///
/// Relaxed is enough. A scope's child is entered during a poll or the drop of that scope, and the scope's later steps
/// happen after it whichever thread they are on.
static HAVE_PARENT: AtomicUsize = AtomicUsize::new(0);

impl Detached {
    fn lock() -> MutexGuard<'static, Self> {
        DETACHED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn children(&self, parent: ScopeId) -> Vec<Arc<Ended>> {
        self.by_parent
            .range((parent, 0)..=(parent, ScopeId::MAX))
            .map(|(_, ended)| Arc::clone(ended))
            .collect()
    }

    fn changed(&self) {
        HAVE_PARENT.store(self.by_parent.len(), Ordering::Relaxed);
    }
}

/// Whether one detached exit has ended.
struct Ended {
    id: ScopeId,
    /// Under which parent it is entered; changes only under the lock of `DETACHED`.
    parent: AtomicU64,
    state: Mutex<(bool, Vec<Waker>)>,
}

impl Ended {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 {
            return Poll::Ready(());
        }
        remember(&mut state.1, cx);
        Poll::Pending
    }
}

fn remember(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

fn children_of(id: ScopeId) -> Vec<Arc<Ended>> {
    if HAVE_PARENT.load(Ordering::Relaxed) == 0 { Vec::new() } else { Detached::lock().children(id) }
}

async fn all(exits: Vec<Arc<Ended>>) {
    for exit in exits {
        poll_fn(|cx| exit.poll(cx)).await;
    }
}

/// Waits for the detached exits of the blocks nested in scope `id`.
pub(crate) async fn children_ended(id: ScopeId) {
    all(children_of(id)).await;
}

/// Gives the detached exits nested in a scope, which itself cannot wait for them, to the scope around it.
pub(crate) fn bequeath(place: &Place) {
    if HAVE_PARENT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut detached = Detached::lock();
    for ended in detached.children(place.id) {
        detached.by_parent.remove(&(place.id, ended.id));
        ended.parent.store(place.parent, Ordering::Relaxed);
        if place.parent != 0 {
            detached.by_parent.insert((place.parent, ended.id), ended);
        }
    }
    detached.changed();
}

/// The entry of one detached exit, which is taken out when it is dropped: at its end, or with its runtime.
struct Entry {
    ended: Arc<Ended>,
    outcome: Outcome,
    site: Site,
    complete: bool,
}

impl Entry {
    fn new(place: &Place, outcome: Outcome) -> Self {
        let state = Mutex::new((false, Vec::new()));
        let ended = Arc::new(Ended { id: place.id, parent: AtomicU64::new(place.parent), state });
        let mut detached = Detached::lock();
        detached.running += 1;
        if place.parent != 0 {
            detached.by_parent.insert((place.parent, place.id), Arc::clone(&ended));
        }
        detached.changed();
        Self { ended, outcome, site: place.site, complete: false }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if !self.complete {
            self.site.lost_exit(self.outcome);
        }
        let settled = {
            let mut detached = Detached::lock();
            detached.running -= 1;
            let parent = self.ended.parent.load(Ordering::Relaxed);
            detached.by_parent.remove(&(parent, self.ended.id));
            detached.changed();
            if detached.running == 0 { std::mem::take(&mut detached.settling) } else { Vec::new() }
        };
        let waiting = {
            let mut state = self.ended.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        settled.into_iter().chain(waiting).for_each(Waker::wake);
    }
}

/// Runs `exit` to its end on its runtime, after the exits of the blocks nested in its scope.
pub(crate) fn detach<E: Debug + Send + 'static>(
    exit: impl Future<Output = Result<(), E>> + Send + 'static,
    outcome: Outcome,
    mut place: Place,
) {
    let entry = Entry::new(&place, outcome);
    let nested = children_of(place.id);
    let runtime = std::mem::take(&mut place.runtime);
    let site = place.site;
    runtime.spawn(Box::pin(async move {
        // First in, last out: whoever waits for the entry finds the exit itself gone.
        let mut entry = entry;
        all(nested).await;
        // The exit and its error are dropped in here, so that a panic of their destructors is caught too.
        let exit = pin!(async move {
            if let Err(error) = exit.await {
                site.lost(outcome, &error);
            }
        });
        if let Err(payload) = unwinding(exit).await {
            site.lost_panic(outcome, &*payload);
        }
        entry.complete = true;
    }));
}

/// Waits until no detached exit is running.
///
/// Call it before a runtime ends: what still runs then is destroyed with the runtime, and reported to the
/// [lost-error hook](crate::set_lost_error_hook).
///
/// # Cancel safety
///
/// Dropping the future has no effect on the exits.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // … serve until asked to stop, then:
/// async_with_core::settle().await;
/// # });
/// ```
pub async fn settle() {
    poll_fn(|cx| {
        let mut detached = Detached::lock();
        if detached.running == 0 {
            return Poll::Ready(());
        }
        remember(&mut detached.settling, cx);
        Poll::Pending
    })
    .await;
}

type BoxedExit<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

/// An exit that is awaited in place, and runs on detached if it is dropped before its end.
pub(crate) struct Shield<E: Debug + Send + 'static> {
    running: Option<(BoxedExit<E>, Place)>,
    outcome: Outcome,
}

impl<E: Debug + Send + 'static> Shield<E> {
    pub(crate) fn new(
        exit: impl Future<Output = Result<(), E>> + Send + 'static,
        outcome: Outcome,
        place: Place,
    ) -> Self {
        Self { running: Some((Box::pin(exit), place)), outcome }
    }
}

impl<E: Debug + Send + 'static> Future for Shield<E> {
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (exit, _) = self.running.as_mut().expect("an exit is not polled after its end");
        let polled = catch_unwind(AssertUnwindSafe(|| exit.as_mut().poll(cx)));
        let ended = match polled {
            Ok(polled) => Ok(ready!(polled)),
            Err(payload) => Err::<_, Payload>(payload),
        };
        // Ended or panicked, it must not be handed over.
        self.running = None;
        Poll::Ready(ended.unwrap_or_else(|payload| std::panic::resume_unwind(payload)))
    }
}

impl<E: Debug + Send + 'static> Drop for Shield<E> {
    fn drop(&mut self) {
        if let Some((exit, place)) = self.running.take() {
            detach(exit, self.outcome, place);
        }
    }
}
