//! The managers that nests are made of.

use std::sync::{Arc, LazyLock};

use async_with::{AsyncContextManager, Interrupt, LocalAsyncContextManager, Outcome};
use fastrand::Rng;
use scopeguard::ScopeGuard;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::common::part::{End, Step};
use crate::common::trace::yield_once;
use crate::ledger::{Around, Fate, Fault, Frame, LEDGER, Scope};

/// How deep managers are nested at most, and a little more.
pub const LEVELS: usize = 24;

/// For each level some locks, for which the managers at that level contend. Who holds one waits only for those of deeper
/// levels, so that nobody waits for ever.
pub static LOCKS: LazyLock<Vec<Vec<Arc<Mutex<()>>>>> =
    LazyLock::new(|| (0..LEVELS).map(|_| (0..8).map(|_| Arc::default()).collect()).collect());

/// What a manager is in its frame, on which it depends what becomes of its faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The only one.
    Alone,
    /// The only one, whose enter is finished when it is cut.
    FinishesEnter,
    /// One of several.
    OneOf,
    /// One of several that the macro nests in each other.
    Item,
}

pub struct Part {
    pub scope: Arc<Scope>,
    frame: Arc<Frame>,
    role: Role,
    enter: Step,
    exit: Step,
    interrupts: Option<usize>,
    lock: Option<Arc<Mutex<()>>>,
}

fn step(rng: &mut Rng) -> Step {
    let end = match rng.u8(..20) {
        0 => End::Panics,
        1..3 => End::Fails,
        _ => End::Succeeds,
    };
    Step::new(rng.usize(..4), end)
}

impl Part {
    pub fn new(rng: &mut Rng, frame: &Arc<Frame>, role: Role, around: &Around, level: usize) -> Self {
        Self {
            scope: Scope::new(frame, around),
            frame: Arc::clone(frame),
            role,
            enter: step(rng),
            exit: step(rng),
            interrupts: (rng.u8(..8) == 0).then(|| rng.usize(..6)),
            lock: rng.bool().then(|| Arc::clone(rng.choice(&LOCKS[level]).unwrap())),
        }
    }

    /// Of those that are entered side by side, two would wait for each other.
    pub fn without_lock(mut self) -> Self {
        self.lock = None;
        self
    }

    /// The scopes around what is in it.
    pub fn around(&self, around: &Around) -> Around {
        around.iter().chain([&self.scope]).cloned().collect()
    }

    async fn enter(&self) -> Result<Option<OwnedMutexGuard<()>>, Fault> {
        for _ in 0..self.enter.pends {
            yield_once().await;
        }
        let held = match &self.lock {
            Some(lock) => Some(Arc::clone(lock).lock_owned().await),
            None => None,
        };
        let fate = match self.role {
            Role::FinishesEnter if self.frame.is_cut() => Fate::Lost,
            Role::FinishesEnter | Role::Alone => Fate::Seen,
            Role::OneOf | Role::Item => Fate::Any,
        };
        match self.enter.end {
            End::Succeeds => {
                self.scope.entered();
                Ok(held)
            }
            End::Fails => Err(Fault::happens("an error of an enter", fate, &self.frame)),
            End::Panics => Fault::happens("a panic of an enter", fate, &self.frame).panic(),
        }
    }

    /// Checks that this is what the exit has to be told.
    fn must_be_told(&self, outcome: Outcome) {
        let right = match (self.role, self.frame.body()) {
            // The others may have failed.
            (Role::OneOf | Role::Item, _) => true,
            (_, Some(ended)) => outcome == ended,
            (_, None) if self.frame.is_cut() => matches!(outcome, Outcome::Cancelled | Outcome::Interrupted),
            (_, None) => outcome == Outcome::Interrupted && self.interrupts.is_some(),
        };
        LEDGER.check(right, || format!("an exit was told {outcome} in {:?}", self.frame));
    }

    async fn exit(
        self,
        held: Option<OwnedMutexGuard<()>>,
        outcome: Outcome,
        local: bool,
    ) -> Result<(), Fault> {
        self.must_be_told(outcome);
        self.scope.exit_begins(outcome);
        let dropped = scopeguard::guard((), |()| {
            LEDGER.check(local && self.frame.is_cut(), || "an exit was dropped".to_owned());
            self.scope.exit_is_dropped();
        });
        for _ in 0..self.exit.pends {
            yield_once().await;
        }
        ScopeGuard::into_inner(dropped);
        drop(held);
        self.scope.exit_is_over();
        let fate = |lost| match self.role {
            Role::OneOf | Role::Item => Fate::Either,
            _ if lost || self.frame.is_cut() => Fate::Lost,
            _ => Fate::Seen,
        };
        match self.exit.end {
            End::Succeeds => Ok(()),
            End::Fails => {
                Err(Fault::happens("an error of an exit", fate(!outcome.is_success()), &self.frame))
            }
            End::Panics => {
                self.frame.is_overtaken();
                // A cut takes a panic along that is on its way out through other items: that has been announced.
                let item = self.role == Role::Item;
                let fate =
                    if item { Fate::EitherUnlessOvertaken } else { fate(outcome == Outcome::Panicked) };
                Fault::happens("a panic of an exit", fate, &self.frame).panic()
            }
        }
    }

    fn interrupt(&self) -> Interrupt<Fault> {
        let Some(polls) = self.interrupts else { return Interrupt::never() };
        let frame = Arc::clone(&self.frame);
        Interrupt::when(async move {
            for _ in 0..polls {
                yield_once().await;
            }
            frame.is_overtaken();
            Fault::happens("an interrupt", Fate::Any, &frame)
        })
    }

    /// The same over a protocol without a guarantee.
    pub fn local(self) -> Local {
        Local(self)
    }
}

impl AsyncContextManager for Part {
    type Value = Option<OwnedMutexGuard<()>>;
    type Error = Fault;

    async fn enter(&mut self) -> Result<Self::Value, Fault> {
        Part::enter(self).await
    }

    async fn exit(self, held: Self::Value, outcome: Outcome) -> Result<(), Fault> {
        Part::exit(self, held, outcome, false).await
    }

    fn interrupt(&self, _held: &Self::Value) -> Interrupt<Fault> {
        Part::interrupt(self)
    }
}

pub struct Local(Part);

impl LocalAsyncContextManager for Local {
    type Value = Option<OwnedMutexGuard<()>>;
    type Error = Fault;

    async fn enter(&mut self) -> Result<Self::Value, Fault> {
        self.0.enter().await
    }

    async fn exit(self, held: Self::Value, outcome: Outcome) -> Result<(), Fault> {
        self.0.exit(held, outcome, true).await
    }

    fn interrupt(&self, _held: &Self::Value) -> Interrupt<Fault> {
        self.0.interrupt()
    }

    fn abandon(self, held: Self::Value) {
        LEDGER.check(self.0.frame.is_cut(), || "an abandon without a cut".to_owned());
        drop(held);
        self.0.scope.abandoned();
    }
}
