//! The scope that runs enter → body → exit.
//!
//! This file alone knows the order of enter, body, exit, panic and drop; what becomes of the results is in `ending`.
//! What an expansion of `async_with!` does, step by step:
//!
//! 1. [`Scope::enter`] awaits the manager's `enter`. From then on the scope is armed: dropping it cuts the block.
//! 2. [`Scope::open`] lends the value to the body, and [`Driver::run`] polls the body until it stops, in one of the ways of
//!    [`Stop`]. The body is dropped before the exit starts.
//! 3. [`Ending::new`](crate::expansion::ending::Ending::new) decides what exit is told.
//! 4. [`Scope::exit`] waits for detached exits of nested blocks, then awaits the manager's `exit`.
//! 5. [`Ending::conclude`](crate::expansion::ending::Ending::conclude) weighs the body's end against the exit's result, and says how
//!    the block is left.
//!
//! `with!` does the same with a [`SyncScope`].

use std::any::Any;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::mem::{replace, take};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::expansion::ending::Exited;
use crate::expansion::stop::{Stop, stopped};
use crate::lost::Site;
use crate::manager::ENTERED_ONCE;
use crate::nesting::{Inside, Place, running};
use crate::{ContextManager, Interrupt, LocalAsyncContextManager, Outcome};

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Runs a body in the name of one scope.
pub struct Driver<'a, E> {
    place: &'a mut Place,
    interrupt: Interrupt<E>,
}

impl<'a, E> Driver<'a, E> {
    /// Polls the body until it stops, and drops it.
    ///
    /// The body is pinned by the caller: passing it by value would double the size of the future at each level of nesting.
    #[inline]
    pub fn run<F: Future>(self, body: Pin<&'a mut Option<F>>) -> Run<'a, F, E> {
        Run { body: self.place.within(body), interrupt: self.interrupt }
    }
}

/// A body that is being run.
#[must_use = "a body does nothing unless it is polled"]
pub struct Run<'a, F, E> {
    body: Inside<'a, F>,
    interrupt: Interrupt<E>,
}

impl<F: Future, E> Future for Run<'_, F, E> {
    type Output = Stop<F::Output, E>;

    /// Polls the body once, then the interrupt. When one of them stops the body, both are dropped, before the exit.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { body: Inside { future, place }, interrupt } = &mut *self;
        let mut polled = Poll::Pending;
        let panicked = place.catching(|| {
            // The reason is taken before anything else can run on this thread.
            let stop = interrupt.around(|| match running(future).poll(cx) {
                Poll::Ready(returned) => Some(Stop::Returned(returned)),
                Poll::Pending => stopped(),
            });
            polled = match stop {
                Some(stop) => Poll::Ready(stop),
                None => interrupt.poll(cx).map(Stop::Interrupted),
            };
            if polled.is_ready() {
                future.set(None);
                *interrupt = Interrupt::never();
            }
        });
        match panicked {
            Ok(()) if polled.is_pending() => place.suspended(),
            Ok(()) => {}
            // The first panic counts, and drops no less.
            Err(payload) => {
                polled = Poll::Ready(Stop::Panicked(payload));
                let _ = (self.body.clear(), self.interrupt.clear());
            }
        }
        polled
    }
}

const OPENED: &str = "a scope is opened between its enter and its exit";
const LEFT: &str = "a scope is left once";

/// One block over an asynchronous manager.
pub struct Scope<M: LocalAsyncContextManager> {
    phase: Phase<M, M::Value>,
    location: &'static Location<'static>,
    place: Place,
}

/// Whether an exit is owed, and what it needs.
enum Phase<M, V> {
    /// Before the end of enter, and from the beginning of exit, when the manager is gone.
    NotOwing(Option<M>),
    Owing {
        manager: M,
        value: V,
        /// What exit is to be told, once the body has stopped.
        told: Option<Outcome>,
    },
}

impl<M, V> Phase<M, V> {
    /// The manager, to be entered. It may be taken out meanwhile.
    #[inline]
    fn entering(&mut self) -> &mut Option<M> {
        let Self::NotOwing(manager) = self else { unreachable!("a scope is entered once") };
        manager
    }

    #[inline]
    fn entered(&mut self, value: V) {
        let manager = self.entering().take().expect("a manager is still there when it has been entered");
        *self = Self::Owing { manager, value, told: None };
    }

    #[inline]
    fn inside(&mut self) -> Option<(&mut M, &mut V)> {
        match self {
            Self::Owing { manager, value, .. } => Some((manager, value)),
            Self::NotOwing(_) => None,
        }
    }

    #[inline]
    fn tell(&mut self, outcome: Outcome) {
        if let Self::Owing { told, .. } = self {
            *told = Some(outcome);
        }
    }

    #[inline]
    fn is_owing(&self) -> bool {
        matches!(self, Self::Owing { .. })
    }

    /// What the exit needs, and what it is told.
    #[inline]
    fn leave(&mut self) -> Option<(M, V, Outcome)> {
        match replace(self, Self::NotOwing(None)) {
            Self::Owing { manager, value, told } => {
                Some((manager, value, told.unwrap_or(Outcome::Cancelled)))
            }
            Self::NotOwing(_) => None,
        }
    }
}

impl<M: LocalAsyncContextManager> Scope<M> {
    #[inline]
    #[track_caller]
    pub(crate) fn new(manager: M) -> Self {
        Self { phase: Phase::NotOwing(Some(manager)), location: Location::caller(), place: M::__place() }
    }

    /// The same block at the place of the call: of the manager, where the span of the whole invocation says less.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn here(mut self) -> Self {
        self.location = Location::caller();
        self
    }

    fn site(&self) -> Site {
        Site::at::<M>(self.location)
    }

    #[inline]
    pub async fn enter(&mut self) -> Result<(), M::Error> {
        let site = self.site();
        let value = M::__enter(self.phase.entering(), site).await?;
        self.phase.entered(value);
        Ok(())
    }

    /// Lends the value to the body.
    #[inline]
    pub fn open(&mut self) -> (&mut M::Value, Driver<'_, M::Error>) {
        let (manager, value) = self.phase.inside().expect(OPENED);
        // The exit is owed from here on, also if this panics.
        let interrupt = catch_unwind(AssertUnwindSafe(|| manager.interrupt(value)));
        let interrupt = interrupt.unwrap_or_else(Interrupt::panicking);
        (value, Driver { place: &mut self.place, interrupt })
    }

    /// Does nothing. A borrow of the value that escapes from the body collides with it first, and rustc words that best for
    /// a shared borrow.
    #[inline]
    pub fn body_ended(&self) {}

    /// What a manager is asked or told about the end of the body is put to.
    pub(crate) fn inside(&mut self) -> Option<(&mut M, &mut M::Value)> {
        self.phase.inside()
    }

    #[cold]
    fn cut(&mut self) {
        if let Some((manager, value, outcome)) = self.phase.leave() {
            manager.__cut(value, outcome, self.site(), take(&mut self.place));
        }
    }

    /// Exits, after the exits that are detached in the body. The manager's own begins in the poll that catches its panics.
    #[inline]
    pub async fn exit(&mut self, outcome: Outcome) -> Exited<M::Error> {
        self.phase.tell(outcome);
        self.place.nested_ended().await;
        let site = self.site();
        let mut owed = Some((&mut self.phase, &mut self.place));
        let mut exit = pin!(None);
        let exited = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| {
                if let Some((phase, place)) = owed.take() {
                    let (manager, value, outcome) = phase.leave().expect(LEFT);
                    exit.set(Some(manager.__exit(value, outcome, site, place)));
                }
                running(&mut exit).poll(cx)
            }));
            match polled {
                Ok(polled) => polled.map(Ok),
                Err(payload) => Poll::Ready(Err(payload)),
            }
        });
        Exited::new(exited.await, site)
    }
}

impl<M: LocalAsyncContextManager> Drop for Scope<M> {
    #[inline]
    fn drop(&mut self) {
        if self.phase.is_owing() {
            self.cut();
        }
    }
}

/// One block over a synchronous manager.
pub struct SyncScope<M: ContextManager> {
    phase: Phase<M, M::Value>,
    location: &'static Location<'static>,
    place: Place,
}

impl<M: ContextManager> SyncScope<M> {
    #[inline]
    #[track_caller]
    pub(crate) fn new(manager: M) -> Self {
        Self { phase: Phase::NotOwing(Some(manager)), location: Location::caller(), place: Place::default() }
    }

    /// As for [`Scope::here`].
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn here(mut self) -> Self {
        self.location = Location::caller();
        self
    }

    /// # Errors
    ///
    /// What the manager's `enter` reports.
    #[inline]
    pub fn enter(&mut self) -> Result<(), M::Error> {
        let manager = self.phase.entering().as_mut().expect(ENTERED_ONCE);
        let value = manager.enter()?;
        self.phase.entered(value);
        Ok(())
    }

    #[inline]
    pub fn open(&mut self) -> (&mut M::Value, SyncDriver<'_, M::Error>) {
        let (_, value) = self.phase.inside().expect(OPENED);
        (value, SyncDriver(Driver { place: &mut self.place, interrupt: Interrupt::never() }))
    }

    /// As for [`Scope::body_ended`].
    #[inline]
    pub fn body_ended(&self) {}

    #[inline]
    pub fn exit(&mut self, outcome: Outcome) -> Exited<M::Error> {
        self.phase.tell(outcome);
        self.leave().expect(LEFT).0
    }

    /// Exits if it is owed, and says what was told.
    #[inline]
    fn leave(&mut self) -> Option<(Exited<M::Error>, Outcome)> {
        let (manager, value, outcome) = self.phase.leave()?;
        // What is left of nested blocks is not waited for here: the body did not await, or has been cut.
        self.place.end();
        Some((Exited::of(|| manager.exit(value, outcome), Site::at::<M>(self.location)), outcome))
    }

    /// The exit after a body that awaits, which can wait for detached exits of nested blocks.
    #[inline]
    pub async fn exit_after_nested(&mut self, outcome: Outcome) -> Exited<M::Error> {
        self.phase.tell(outcome);
        self.place.nested_ended().await;
        self.exit(outcome)
    }
}

impl<M: ContextManager> Drop for SyncScope<M> {
    /// Only a body that awaits can be cut; the exit needs no awaiting, so it runs here.
    #[inline]
    fn drop(&mut self) {
        if let Some((exited, outcome)) = self.leave() {
            exited.lost(outcome);
        }
    }
}

/// Runs the body of a `with!`.
pub struct SyncDriver<'a, E>(Driver<'a, E>);

impl<'a, E> SyncDriver<'a, E> {
    /// Polls the body, which does not await, once.
    pub fn run_now<F: Future>(self, body: Pin<&'a mut Option<F>>) -> Stop<F::Output, E> {
        let mut run = self.0.run(body);
        let Poll::Ready(stop) = Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())) else {
            // A real panic, so that it is announced; then the exit, as for every panic.
            let panicked = catch_unwind(|| {
                panic!(
                    "the body of a `with!` awaited, hidden in a macro; write `with!(manager => async {{ … }})`"
                )
            });
            drop(run);
            return panicked.map_or_else(Stop::Panicked, |never: Infallible| match never {});
        };
        stop
    }

    /// Runs a body that awaits.
    #[inline]
    pub fn run<F: Future>(self, body: Pin<&'a mut Option<F>>) -> Run<'a, F, E> {
        self.0.run(body)
    }
}
