//! Managers that record what happens to them, means to stop them half-way, and what the lost-error hook was told.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::panic::panic_any;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use async_with::{AsyncContextManager, Interrupt, LocalAsyncContextManager, Outcome, set_lost_error_hook};
use scopeguard::ScopeGuard;
use tokio::sync::watch;

/// What has happened so far, in order.
#[derive(Clone)]
pub struct Trace(Arc<watch::Sender<Vec<String>>>);

impl Trace {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Vec::new())))
    }

    pub fn log(&self, event: impl Into<String>) {
        self.0.send_modify(|events| events.push(event.into()));
    }

    pub fn events(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    pub fn has(&self, event: &str) -> bool {
        self.0.borrow().iter().any(|known| known == event)
    }

    /// Waits for an event, in whatever task or thread it happens.
    pub async fn reached(&self, event: &str) {
        drop(self.0.subscribe().wait_for(|events| events.iter().any(|known| known == event)).await.unwrap());
    }

    /// A step of a body: it records itself and suspends.
    pub async fn step(&self, event: &str) {
        self.log(event);
        yield_once().await;
    }
}

/// Closed until it is opened.
#[derive(Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub async fn passed(&self) {
        drop(self.0.subscribe().wait_for(|open| *open).await.unwrap());
    }
}

/// Suspends once, on any executor.
pub async fn yield_once() {
    let mut suspended = false;
    poll_fn(|cx| {
        if suspended {
            return Poll::Ready(());
        }
        suspended = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Runs `future` until `event` has been recorded, and drops it where it then is.
pub async fn cut_at<F: Future>(future: F, trace: &Trace, event: &str) {
    tokio::select! {
        biased;
        _ = future => panic!("the block ended before `{event}`: {:?}", trace.events()),
        () = trace.reached(event) => {}
    }
}

#[derive(Clone, Copy)]
enum End {
    Succeeds,
    Fails(&'static str),
    Panics(&'static str),
}

/// An enter or an exit.
struct Step {
    gate: Option<Gate>,
    end: End,
}

impl Step {
    /// Suspends, waits at the gate, and ends; records `what` if it was dropped before its end.
    async fn run(&self, what: &str, done: &str, trace: &Trace) -> Result<(), &'static str> {
        let unfinished = scopeguard::guard((), |()| trace.log(format!("{what} dropped")));
        yield_once().await;
        if let Some(gate) = &self.gate {
            gate.passed().await;
        }
        ScopeGuard::into_inner(unfinished);
        match self.end {
            End::Succeeds => {
                trace.log(done);
                Ok(())
            }
            End::Fails(error) => {
                trace.log(format!("{what} failed"));
                Err(error)
            }
            End::Panics(payload) => {
                trace.log(format!("{what} panicked"));
                panic_any(payload)
            }
        }
    }
}

/// Suspends in enter and exit, and records `enter A`, `entered A`, `exit A: completed`, `exited A`.
pub struct Traced {
    name: &'static str,
    trace: Trace,
    enter: Step,
    exit: Step,
    interrupt: Option<&'static str>,
}

impl Traced {
    pub fn new(name: &'static str, trace: &Trace) -> Self {
        let step = || Step { gate: None, end: End::Succeeds };
        Self { name, trace: trace.clone(), enter: step(), exit: step(), interrupt: None }
    }

    pub fn enter_waits(mut self, gate: &Gate) -> Self {
        self.enter.gate = Some(gate.clone());
        self
    }

    pub fn enter_fails(mut self, error: &'static str) -> Self {
        self.enter.end = End::Fails(error);
        self
    }

    pub fn enter_panics(mut self, payload: &'static str) -> Self {
        self.enter.end = End::Panics(payload);
        self
    }

    pub fn exit_waits(mut self, gate: &Gate) -> Self {
        self.exit.gate = Some(gate.clone());
        self
    }

    pub fn exit_fails(mut self, error: &'static str) -> Self {
        self.exit.end = End::Fails(error);
        self
    }

    pub fn exit_panics(mut self, payload: &'static str) -> Self {
        self.exit.end = End::Panics(payload);
        self
    }

    /// The body is interrupted at its second poll.
    pub fn interrupts(mut self, error: &'static str) -> Self {
        self.interrupt = Some(error);
        self
    }

    /// The same over a protocol without a guarantee.
    pub fn local(self) -> Local {
        Local(self, PhantomData)
    }

    /// The same of a type of its own: what is lost over it can be told apart by the name of the type.
    pub fn marked<Mark>(self) -> Marked<Mark> {
        Marked(self, PhantomData)
    }

    pub async fn run_enter(&self) -> Result<(), &'static str> {
        let Self { name, trace, .. } = self;
        trace.log(format!("enter {name}"));
        self.enter.run(&format!("enter {name}"), &format!("entered {name}"), trace).await
    }

    pub fn interrupt_of_body(&self) -> Interrupt<&'static str> {
        match self.interrupt {
            Some(error) => Interrupt::when(async move {
                yield_once().await;
                error
            }),
            None => Interrupt::never(),
        }
    }

    pub async fn run_exit(&self, outcome: Outcome) -> Result<(), &'static str> {
        let Self { name, trace, .. } = self;
        trace.log(format!("exit {name}: {outcome}"));
        self.exit.run(&format!("exit {name}"), &format!("exited {name}"), trace).await
    }
}

impl AsyncContextManager for Traced {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.run_enter().await
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.run_exit(outcome).await
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        self.interrupt_of_body()
    }
}

/// A [`Traced`] that is not `Send`, and records `abandon A`.
pub struct Local(Traced, PhantomData<Rc<()>>);

impl LocalAsyncContextManager for Local {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.run_enter().await
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.run_exit(outcome).await
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        self.0.interrupt_of_body()
    }

    fn abandon(self, _value: ()) {
        self.0.trace.log(format!("abandon {}", self.0.name));
    }
}

/// A [`Traced`] of a type of its own.
pub struct Marked<Mark>(Traced, PhantomData<fn() -> Mark>);

impl<Mark: 'static> AsyncContextManager for Marked<Mark> {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.run_enter().await
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.run_exit(outcome).await
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        self.0.interrupt_of_body()
    }
}

/// One call of the lost-error hook.
#[derive(Clone, Debug)]
pub struct Loss {
    pub manager: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub outcome: Outcome,
    pub error: String,
}

/// All that the lost-error hook was told in this process.
pub struct Losses(watch::Sender<Vec<Loss>>);

/// Call it before anything can be lost: it sets the hook.
pub fn losses() -> &'static Losses {
    static LOSSES: LazyLock<Losses> = LazyLock::new(|| {
        set_lost_error_hook(|lost| {
            let loss = Loss {
                manager: lost.manager(),
                file: lost.location().file(),
                line: lost.location().line(),
                outcome: lost.outcome(),
                error: format!("{:?}", lost.error()),
            };
            LOSSES.0.send_modify(|all| all.push(loss));
        });
        Losses(watch::Sender::new(Vec::new()))
    });
    &LOSSES
}

impl Losses {
    /// Those whose error mentions `text`.
    pub fn of(&self, text: &str) -> Vec<Loss> {
        self.0.borrow().iter().filter(|loss| loss.error.contains(text)).cloned().collect()
    }

    /// Those over a manager whose type name mentions `manager`.
    pub fn over(&self, manager: &str) -> Vec<Loss> {
        self.0.borrow().iter().filter(|loss| loss.manager.contains(manager)).cloned().collect()
    }
}
