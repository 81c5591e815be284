//! Which detached exits an exit waits for: those of the blocks that were cut in its scope.
//!
//! A block that is cut need not know which scope it is in. While a scope has its body polled or dropped, it marks the
//! thread ([`Place::catching`]); an exit that is detached meanwhile falls to the innermost scope that does so, which picks
//! it up when the poll or the drop returns. So a block that is not cut pays for setting two marks a poll, and nothing is
//! allocated or shared for what may never happen.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};

use crate::expansion::scope::Payload;
use crate::handover::Runtime;
use crate::locking::lock;

#[derive(Clone, Copy)]
struct Mark {
    /// How many scopes are having their bodies polled or dropped by this thread, one in the other.
    depth: u32,
    /// Whether exits have fallen to them that they have not yet picked up.
    fallen: bool,
}

struct Fallen {
    depth: u32,
    task: TaskId,
    exit: Arc<DetachedExit>,
}

thread_local! {
    static MARK: Cell<Mark> = const { Cell::new(Mark { depth: 0, fallen: false }) };
    static FALLEN: RefCell<Vec<Fallen>> = const { RefCell::new(Vec::new()) };
}

/// Tells apart what one thread does in the poll of one scope: an executor in a body may poll other tasks.
#[derive(PartialEq)]
struct TaskId {
    #[cfg(feature = "tokio")]
    id: Option<tokio::task::Id>,
}

impl TaskId {
    fn current() -> Self {
        Self {
            #[cfg(feature = "tokio")]
            id: tokio::task::try_id(),
        }
    }
}

/// Gives an exit to the scope in which this happens, if it happens in one.
fn fall(exit: Arc<DetachedExit>) {
    let Mark { depth, .. } = MARK.get();
    if depth == 0 {
        return;
    }
    // While a thread is being torn down nothing is nested.
    let fell =
        FALLEN.try_with(|fallen| fallen.borrow_mut().push(Fallen { depth, task: TaskId::current(), exit }));
    if fell.is_ok() {
        MARK.set(Mark { depth, fallen: true });
    }
}

/// The place of a scope among the others, and on a runtime.
#[doc(hidden)]
#[derive(Default)]
pub struct Place {
    nested: Nested,
    exit: Exit,
}

/// Where the exit runs if it is detached.
#[derive(Default)]
enum Exit {
    /// It is not detached.
    #[default]
    InPlace,
    /// Where the scope is suspended first: before, it cannot be cut.
    Unknown,
    On(Runtime),
}

impl Place {
    pub(crate) fn on(runtime: Runtime) -> Self {
        Self { nested: Nested::default(), exit: Exit::On(runtime) }
    }

    /// On the runtime that is current; where there is none, on the one that is when the exit is detached.
    pub(crate) fn here() -> Self {
        match Runtime::current() {
            Runtime::Background => Self::detachable(),
            #[cfg(feature = "tokio")]
            tokio => Self::on(tokio),
        }
    }

    /// On the runtime on which the scope is suspended first.
    #[inline]
    pub(crate) fn detachable() -> Self {
        Self { nested: Nested::default(), exit: Exit::Unknown }
    }

    /// Notes where the scope is suspended.
    #[inline]
    pub(crate) fn suspended(&mut self) {
        if let Exit::Unknown = self.exit {
            self.exit = Exit::On(Runtime::current());
        }
    }

    pub(crate) fn take_runtime(&mut self) -> Runtime {
        match take(&mut self.exit) {
            Exit::On(runtime) => runtime,
            Exit::InPlace | Exit::Unknown => Runtime::current(),
        }
    }

    /// Does something in the name of the scope, such as polling its body: exits that are detached meanwhile are nested in
    /// it.
    #[inline]
    pub(crate) fn catching<T>(&mut self, action: impl FnOnce() -> T) -> Result<T, Payload> {
        let Mark { depth, fallen } = MARK.get();
        MARK.set(Mark { depth: depth + 1, fallen });
        let result = catch_unwind(AssertUnwindSafe(action));
        let Mark { fallen, .. } = MARK.get();
        MARK.set(Mark { depth, fallen });
        if fallen {
            self.nested.pick_up(depth + 1);
        }
        result
    }

    /// Awaits something in the name of the scope. It is pinned by the caller: by value it would be in the future twice.
    #[inline]
    pub(crate) fn within<'a, F>(&'a mut self, future: Pin<&'a mut Option<F>>) -> Inside<'a, F> {
        Inside { future, place: self }
    }

    /// Waits for the detached exits that are nested in the scope.
    #[inline]
    pub(crate) fn nested_ended(&mut self) -> NestedEnded<'_> {
        NestedEnded(&mut self.nested)
    }

    /// Gives the detached exits that are nested in the scope to the scope around it.
    pub(crate) fn end(&mut self) {
        self.nested = Nested::default();
    }
}

/// See [`Place::nested_ended`].
pub(crate) struct NestedEnded<'a>(&'a mut Nested);

impl Future for NestedEnded<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.0.is_none() { Poll::Ready(()) } else { self.0.poll_ended(cx) }
    }
}

/// A place for several futures at a time.
pub(crate) async fn within_shared<F: Future>(place: &Mutex<Place>, future: F) -> F::Output {
    struct Joining<'a> {
        own: Place,
        place: &'a Mutex<Place>,
    }
    impl Drop for Joining<'_> {
        fn drop(&mut self) {
            lock(self.place).nested.append(&mut self.own.nested);
        }
    }
    let mut joining = Joining { own: Place::default(), place };
    joining.own.within(pin!(Some(future))).await.unwrap_or_else(|payload| resume_unwind(payload))
}

/// The detached exits that run in a scope.
///
/// It is one word, for it is in the future of every block. What is left in it when it is dropped falls to the scope around.
#[derive(Default)]
struct Nested(#[expect(clippy::box_collection, reason = "one word")] Option<Box<Vec<Arc<DetachedExit>>>>);

impl Nested {
    #[cold]
    fn pick_up(&mut self, depth: u32) {
        let picked_up = FALLEN.try_with(|fallen| {
            let mut fallen = fallen.borrow_mut();
            // Those of a greater depth have been picked up by now, and those of a smaller one came before.
            let first = fallen.partition_point(|exit| exit.depth < depth);
            let picked_up = fallen.split_off(first);
            MARK.set(Mark { depth: depth - 1, fallen: !fallen.is_empty() });
            picked_up
        });
        for Fallen { task, exit, .. } in picked_up.into_iter().flatten() {
            if task == TaskId::current() {
                self.add(exit);
            }
        }
    }

    fn add(&mut self, exit: Arc<DetachedExit>) {
        let exits = self.0.get_or_insert_default();
        if exits.len() == exits.capacity() {
            // The body may go on for long after blocks in it were cut.
            exits.retain(|exit| !exit.has_ended());
            // As much again, so that this is rare.
            exits.reserve(exits.len() + 1);
        }
        exits.push(exit);
    }

    #[cold]
    fn poll_ended(&mut self, cx: &Context<'_>) -> Poll<()> {
        if let Some(exits) = &mut self.0 {
            while let Some(exit) = exits.last() {
                ready!(exit.poll(cx));
                exits.pop();
            }
        }
        self.0 = None;
        Poll::Ready(())
    }

    #[cold]
    fn give_up(&mut self) {
        self.0.take().into_iter().flat_map(|exits| *exits).for_each(fall);
    }

    fn append(&mut self, other: &mut Self) {
        for exit in other.0.take().into_iter().flat_map(|exits| *exits) {
            self.add(exit);
        }
    }
}

impl Drop for Nested {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_some() {
            self.give_up();
        }
    }
}

/// Polls a future in the name of a scope, and also drops it so, at its end or before.
pub(crate) struct Inside<'a, F> {
    pub(crate) future: Pin<&'a mut Option<F>>,
    pub(crate) place: &'a mut Place,
}

impl<F> Inside<'_, F> {
    #[inline]
    pub(crate) fn clear(&mut self) -> Result<(), Payload> {
        self.place.catching(|| self.future.set(None))
    }
}

impl<F: Future> Future for Inside<'_, F> {
    type Output = Result<F::Output, Payload>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { future, place } = &mut *self;
        let polled = place.catching(|| running(future).poll(cx));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(self.clear().map(|()| output)),
            Err(payload) => {
                // A panic of its destructors comes second.
                let _ = self.clear();
                Poll::Ready(Err(payload))
            }
        }
    }
}

/// The future in its place.
#[inline]
pub(crate) fn running<'a, F>(future: &'a mut Pin<&mut Option<F>>) -> Pin<&'a mut F> {
    future.as_mut().as_pin_mut().expect("a future is not polled after its end")
}

impl<F> Drop for Inside<'_, F> {
    #[inline]
    fn drop(&mut self) {
        if self.future.is_some() {
            self.clear().unwrap_or_else(|payload| resume_unwind(payload));
        }
    }
}

/// A detached exit, for those who wait for it.
#[derive(Default)]
pub(crate) struct DetachedExit {
    /// Whether it has ended, and who waits.
    state: Mutex<(bool, Vec<Waker>)>,
}

impl DetachedExit {
    /// One that is nested in the scope in which this happens.
    pub(crate) fn begin() -> Arc<Self> {
        let exit = Arc::<Self>::default();
        fall(Arc::clone(&exit));
        exit
    }

    fn has_ended(&self) -> bool {
        lock(&self.state).0
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.0 {
            return Poll::Ready(());
        }
        remember(&mut state.1, cx);
        Poll::Pending
    }

    /// Ends it, and gives those who wait.
    pub(crate) fn end(&self) -> Vec<Waker> {
        let mut state = lock(&self.state);
        state.0 = true;
        take(&mut state.1)
    }
}

pub(crate) fn remember(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}
