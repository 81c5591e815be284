//! Managers of each protocol that follow a plan without allocating, and what their exits were told.

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::rc::Rc;

use async_with::{AsyncContextManager, ContextManager, Interrupt, LocalAsyncContextManager, Outcome};

/// Not of size zero: a box of nothing would not be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub u64);

/// A panic that calls no hook, which would allocate.
pub fn throw() -> ! {
    resume_unwind(Box::new(Failure(1)))
}

pub async fn suspend(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    EnterFails,
    ExitFails,
    ExitPanics,
}

#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often enter and exit suspend.
    pub pends: usize,
    pub fault: Fault,
    pub interrupts: bool,
}

impl Plan {
    pub const fn pends(pends: usize) -> Self {
        Self { pends, fault: Fault::None, interrupts: false }
    }

    async fn enter(self) -> Result<u64, Failure> {
        suspend(self.pends).await;
        self.entered()
    }

    fn entered(self) -> Result<u64, Failure> {
        if self.fault == Fault::EnterFails { Err(Failure(2)) } else { Ok(3) }
    }

    async fn exit(self, outcome: Outcome) -> Result<(), Failure> {
        suspend(self.pends).await;
        self.exited(outcome)
    }

    fn exited(self, outcome: Outcome) -> Result<(), Failure> {
        TOLD.with(|told| told.set((told.get().0 + 1, Some(outcome))));
        match self.fault {
            Fault::ExitFails => Err(Failure(4)),
            Fault::ExitPanics => throw(),
            Fault::None | Fault::EnterFails => Ok(()),
        }
    }

    /// One that is made allocates once, also if it never comes.
    pub fn interrupt(self) -> Interrupt<Failure> {
        let failure = Failure(5);
        if self.interrupts { Interrupt::when(async move { failure }) } else { Interrupt::never() }
    }
}

thread_local! {
    static TOLD: Cell<(usize, Option<Outcome>)> = const { Cell::new((0, None)) };
}

/// How many exits there were on this thread since this was asked last, and what the last of them was told.
pub fn told() -> (usize, Option<Outcome>) {
    TOLD.take()
}

/// Without the guarantee, and not `Send`.
pub struct Local(Plan, PhantomData<Rc<()>>);

impl Local {
    pub fn new(plan: Plan) -> Self {
        Self(plan, PhantomData)
    }
}

impl LocalAsyncContextManager for Local {
    type Value = u64;
    type Error = Failure;

    async fn enter(&mut self) -> Result<u64, Failure> {
        self.0.enter().await
    }

    async fn exit(self, _value: u64, outcome: Outcome) -> Result<(), Failure> {
        self.0.exit(outcome).await
    }

    fn interrupt(&self, _value: &u64) -> Interrupt<Failure> {
        self.0.interrupt()
    }
}

pub struct Guaranteed(pub Plan);

impl AsyncContextManager for Guaranteed {
    type Value = u64;
    type Error = Failure;

    async fn enter(&mut self) -> Result<u64, Failure> {
        self.0.enter().await
    }

    async fn exit(self, _value: u64, outcome: Outcome) -> Result<(), Failure> {
        self.0.exit(outcome).await
    }

    fn interrupt(&self, _value: &u64) -> Interrupt<Failure> {
        self.0.interrupt()
    }
}

pub struct Synchronous(pub Plan);

impl ContextManager for Synchronous {
    type Value = u64;
    type Error = Failure;

    fn enter(&mut self) -> Result<u64, Failure> {
        self.0.entered()
    }

    fn exit(self, _value: u64, outcome: Outcome) -> Result<(), Failure> {
        self.0.exited(outcome)
    }
}
