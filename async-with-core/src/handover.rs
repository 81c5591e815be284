//! What becomes of an exit whose block was dropped: it runs on, detached, after the exits of the blocks nested in it.

use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::expansion::scope::Payload;
use crate::locking::lock;
use crate::lost::Site;
use crate::nesting::{DetachedExit, Place, remember};
use crate::{Outcome, background};

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where detached exits run.
#[derive(Clone)]
pub(crate) enum Runtime {
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

    fn spawn(self, exit: BoxFuture<()>) {
        match self {
            Self::Background => background::spawn(exit),
            #[cfg(feature = "tokio")]
            Self::Tokio(handle) => drop(handle.spawn(exit)),
        }
    }
}

/// All detached exits that have not ended.
struct Detached {
    running: usize,
    settling: Vec<Waker>,
}

fn detached() -> MutexGuard<'static, Detached> {
    static DETACHED: Mutex<Detached> = Mutex::new(Detached { running: 0, settling: Vec::new() });
    lock(&DETACHED)
}

/// One detached exit, which has ended when this is dropped: by itself, or with its runtime.
struct Running {
    exit: Arc<DetachedExit>,
    outcome: Outcome,
    site: Site,
    complete: bool,
}

impl Running {
    fn new(outcome: Outcome, site: Site) -> Self {
        detached().running += 1;
        Self { exit: DetachedExit::begin(), outcome, site, complete: false }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.complete {
            self.site.lost_exit(self.outcome);
        }
        let waiting = self.exit.end();
        let settled = {
            let mut detached = detached();
            detached.running -= 1;
            if detached.running == 0 { take(&mut detached.settling) } else { Vec::new() }
        };
        settled.into_iter().chain(waiting).for_each(Waker::wake);
    }
}

/// Runs `exit` to its end on its runtime, after the exits of the blocks nested in its scope.
pub(crate) fn detach<E: Debug + Send + 'static>(
    exit: impl Future<Output = Result<(), E>> + Send + 'static,
    outcome: Outcome,
    site: Site,
    mut place: Place,
) {
    let running = Running::new(outcome, site);
    let runtime = place.take_runtime();
    runtime.spawn(Box::pin(async move {
        // First in, last out: whoever waits for this finds the exit itself gone.
        let mut running = running;
        place.nested_ended().await;
        // The exit and its error are dropped in here, so that a panic of their destructors is caught too.
        let exit = pin!(Some(async move {
            if let Err(error) = exit.await {
                site.lost(outcome, &error);
            }
        }));
        if let Err(payload) = place.within(exit).await {
            site.lost_panic(outcome, &*payload);
        }
        running.complete = true;
        // What was cut in the exit is part of it.
        place.nested_ended().await;
    }));
}

/// Waits until no detached exit is running.
///
/// Call it before a runtime ends: what still runs then is destroyed with the runtime, and reported to the
/// [lost-error hook](crate::set_lost_error_hook). What still runs on the background thread when the process ends, ends with
/// it, and the hook is not told.
///
/// An exit is detached when its future is dropped. An aborted task drops its future only when the runtime comes to it: await
/// the task first.
///
/// An exit that awaits this waits for itself: do not call it in an `exit`, which may be running detached.
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
/// async_with::settle().await;
/// # });
/// ```
pub async fn settle() {
    poll_fn(|cx| {
        let mut detached = detached();
        if detached.running == 0 {
            return Poll::Ready(());
        }
        remember(&mut detached.settling, cx);
        Poll::Pending
    })
    .await;
}

/// What comes of a step of a block that was handed over before its end.
pub(crate) trait HandOver: Send + 'static {
    type Error: Debug + Send + 'static;

    fn finish(self) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// An exit: nothing is left to do.
impl<E: Debug + Send + 'static> HandOver for Result<(), E> {
    type Error = E;

    async fn finish(self) -> Self {
        self
    }
}

/// A step of a block that is awaited in place, and runs on detached if it is dropped before its end.
pub(crate) struct Shield<'a, T: HandOver> {
    step: Option<BoxFuture<T>>,
    outcome: Outcome,
    site: Site,
    place: &'a mut Place,
}

impl<'a, T: HandOver> Shield<'a, T> {
    #[inline]
    pub(crate) fn new(
        step: impl Future<Output = T> + Send + 'static,
        outcome: Outcome,
        site: Site,
        place: &'a mut Place,
    ) -> Self {
        Self { step: Some(Box::pin(step)), outcome, site, place }
    }
}

impl<T: HandOver> Future for Shield<'_, T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let step = self.step.as_mut().expect("a step is not polled after its end");
        let polled = catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(cx)));
        if let Ok(Poll::Pending) = polled {
            self.place.suspended();
            return Poll::Pending;
        }
        // Ended or panicked, it must not be handed over.
        self.step = None;
        polled.unwrap_or_else(|payload: Payload| resume_unwind(payload))
    }
}

impl<T: HandOver> Shield<'_, T> {
    #[cold]
    fn hand_over(&mut self) {
        if let Some(step) = self.step.take() {
            detach(async move { step.await.finish().await }, self.outcome, self.site, take(self.place));
        }
    }
}

impl<T: HandOver> Drop for Shield<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.step.is_some() {
            self.hand_over();
        }
    }
}
