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

use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_with::{AsyncContextManager, Interrupt, LocalAsyncContextManager, Outcome, async_with};
use futures::future::{BoxFuture, Either, LocalBoxFuture, select};

use crate::common::trace::{Local, Trace, Traced};

/// What the cases need of an executor. It is no trait, so that they are compiled once.
#[derive(Clone, Copy)]
struct Executor {
    /// Whether detached exits run on the background thread.
    exits_on_the_thread: bool,
    /// Drives it, and no longer than a minute.
    block_on: fn(LocalBoxFuture<'_, ()>),
    /// Awaits something of this executor, such as its timer.
    wait: fn() -> BoxFuture<'static, ()>,
    /// The same for what stays on its thread.
    wait_here: fn() -> LocalBoxFuture<'static, ()>,
}

impl Executor {
    fn wait(self) -> BoxFuture<'static, ()> {
        (self.wait)()
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
struct On(Traced, Executor);

impl On {
    fn new(executor: Executor, name: &'static str, trace: &Trace) -> Self {
        Self::over(executor, Traced::new(name, trace))
    }

    fn over(executor: Executor, traced: Traced) -> Self {
        Self(traced, executor)
    }

    fn local(self) -> OnLocal {
        OnLocal(self.0.local(), self.1)
    }
}

impl AsyncContextManager for On {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.1.wait().await;
        self.0.run_enter().await
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.1.wait().await;
        self.0.run_exit(outcome).await
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        self.0.interrupt_of_body()
    }
}

/// The same without a guarantee, and with a value that stays on its thread.
struct OnLocal(Local, Executor);

impl LocalAsyncContextManager for OnLocal {
    type Value = Rc<()>;
    type Error = &'static str;

    async fn enter(&mut self) -> Result<Rc<()>, &'static str> {
        (self.1.wait_here)().await;
        self.0.enter().await.map(Rc::new)
    }

    async fn exit(self, _value: Rc<()>, outcome: Outcome) -> Result<(), &'static str> {
        (self.1.wait_here)().await;
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
async fn nest(executor: Executor, trace: Trace) -> Result<(), &'static str> {
    async_with!(On::new(executor, "A", &trace), On::new(executor, "B", &trace) => {
        async_with!(On::new(executor, "C", &trace) => {
            trace.step("body").await;
            trace.reached("never").await;
        })
    })?
}

/// What happens when it is cut in its body.
const NEST_EXITED: [&str; 6] =
    ["exit C: cancelled", "exited C", "exit B: cancelled", "exited B", "exit A: cancelled", "exited A"];
