//! Blocks on executors other than tokio's, and in its `LocalSet`. What holds on each of them is in `everywhere`; each module of an
//! executor runs that, and has what is its own.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod everywhere;
mod futures_executor;
mod local_set;
mod needs_tokio;
mod smol;

use std::marker::PhantomData;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_with::{AsyncContextManager, Interrupt, LocalAsyncContextManager, Outcome, async_with};
use futures::future::{BoxFuture, Either, LocalBoxFuture, select};

use crate::common::trace::{Local, Trace, Traced};

trait Executor: 'static {
    /// Whether detached exits run on the background thread.
    const EXITS_ON_THE_THREAD: bool = true;

    /// Drives it, and no longer than a minute.
    fn block_on<F: Future>(future: F) -> F::Output;

    /// Awaits something of this executor, such as its timer.
    fn wait() -> BoxFuture<'static, ()>;

    /// The same for what stays on its thread.
    fn wait_here() -> LocalBoxFuture<'static, ()> {
        Self::wait()
    }
}

/// Fails when something hangs, on any executor: the timer is on a thread of its own.
async fn in_time<F: Future>(future: F) -> F::Output {
    // An exit that hangs holds up the `settle` of all tests: after the first they need not wait as long.
    static HANGS: AtomicBool = AtomicBool::new(false);
    let limit = Duration::from_secs(if HANGS.load(Ordering::Relaxed) { 1 } else { 60 });
    match select(pin!(future), ::smol::Timer::after(limit)).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => {
            HANGS.store(true, Ordering::Relaxed);
            panic!("it hangs");
        }
    }
}

/// A [`Traced`] whose enter and exit await something of their executor first.
struct On<E>(Traced, PhantomData<fn() -> E>);

impl<E> On<E> {
    fn new(name: &'static str, trace: &Trace) -> Self {
        Self::over(Traced::new(name, trace))
    }

    fn over(traced: Traced) -> Self {
        Self(traced, PhantomData)
    }

    fn local(self) -> OnLocal<E> {
        OnLocal(self.0.local(), PhantomData)
    }
}

impl<E: Executor> AsyncContextManager for On<E> {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        E::wait().await;
        self.0.run_enter().await
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        E::wait().await;
        self.0.run_exit(outcome).await
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        self.0.interrupt_of_body()
    }
}

/// The same without a guarantee, and with a value that stays on its thread.
struct OnLocal<E>(Local, PhantomData<Rc<E>>);

impl<E: Executor> LocalAsyncContextManager for OnLocal<E> {
    type Value = Rc<()>;
    type Error = &'static str;

    async fn enter(&mut self) -> Result<Rc<()>, &'static str> {
        E::wait_here().await;
        self.0.enter().await.map(Rc::new)
    }

    async fn exit(self, _value: Rc<()>, outcome: Outcome) -> Result<(), &'static str> {
        E::wait_here().await;
        self.0.exit((), outcome).await
    }

    fn interrupt(&self, value: &Rc<()>) -> Interrupt<&'static str> {
        self.0.interrupt(value)
    }

    fn abandon(self, _value: Rc<()>) {
        self.0.abandon(());
    }
}

/// A task in the body of three blocks, which does not end.
async fn nest<E: Executor>(trace: Trace) -> Result<(), &'static str> {
    async_with!(On::<E>::new("A", &trace), On::<E>::new("B", &trace) => {
        async_with!(On::<E>::new("C", &trace) => {
            trace.step("body").await;
            trace.reached("never").await;
        })
    })?
}

/// What happens when it is cut in its body.
const NEST_EXITED: [&str; 6] =
    ["exit C: cancelled", "exited C", "exit B: cancelled", "exited B", "exit A: cancelled", "exited A"];
