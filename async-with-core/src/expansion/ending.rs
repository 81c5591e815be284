//! How a body ended, what exit is told of it, and who wins when both fail.

use std::any::type_name;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::Outcome;
use crate::classify::is_err;
use crate::expansion::probe::{Policy, Shape};
use crate::expansion::scope::Payload;
use crate::expansion::stop::{Jump, Stop};
use crate::lost::Site;

/// What a body or a nested item left in its block: `W` is the error type of the whole block.
pub enum Product<T, W> {
    Value {
        value: T,
        /// Whether it is an `Err`, perhaps in the `Option` of a manager that may suppress.
        failed: bool,
    },
    Failed {
        error: W,
        /// There if the error is that of an exit, in an item that others are around.
        leaving: Option<Box<Leaving>>,
    },
}

/// The error of an exit on its way out through the items around it: what overtakes it there, a panic or a drop, has it reported.
///
/// The error itself has become one of the block by then, of which nothing is known.
pub struct Leaving {
    text: Option<String>,
    site: Site,
    outcome: Outcome,
}

impl Leaving {
    fn new<E: Debug>(error: &E, site: Site, outcome: Outcome) -> Self {
        let text = catch_unwind(AssertUnwindSafe(|| format!("{error:?}")));
        Self { text: text.ok().or_else(|| Some(type_name::<E>().to_owned())), site, outcome }
    }

    /// It has left, or was swallowed.
    fn over(&mut self) {
        self.text = None;
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(text) = &self.text {
            self.site.lost(self.outcome, &format_args!("{text}"));
        }
    }
}

impl<T, W> Product<T, W> {
    #[inline]
    pub fn of_body(value: T) -> Self {
        Self::Value { failed: is_err(&value), value }
    }

    /// The block was not entered. It is given the whole result, for rustc 1.85 warns of code after an expression whose type is
    /// the error of an infallible manager.
    #[inline]
    pub fn not_entered<E>(entered: Result<(), E>, lift: impl FnOnce(E) -> W) -> Self {
        match entered {
            Ok(()) => unreachable!("it was not entered"),
            Err(error) => Self::failed(lift(error)),
        }
    }

    #[inline]
    pub(crate) fn failed(error: W) -> Self {
        Self::Failed { error, leaving: None }
    }

    #[inline]
    fn is_failure(&self) -> bool {
        match self {
            Self::Value { failed, .. } => *failed,
            Self::Failed { .. } => true,
        }
    }

    #[inline]
    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Self::Value { value, .. } => Some(value),
            Self::Failed { .. } => None,
        }
    }

    #[inline]
    pub fn into_result(mut self) -> Result<T, W> {
        self.swallowed();
        match self {
            Self::Value { value, .. } => Ok(value),
            Self::Failed { error, .. } => Err(error),
        }
    }

    /// Nobody need hear of its error any more.
    #[inline]
    fn swallowed(&mut self) {
        if let Self::Failed { leaving: Some(leaving), .. } = self {
            leaving.over();
        }
    }
}

/// How the block is left.
pub enum Flow<T, R, W> {
    Value(Product<T, W>),
    Return(R),
    Jump(Jump),
}

/// How the exit went.
pub struct Exited<E> {
    result: Result<Result<(), E>, Payload>,
    site: Site,
}

impl<E: Debug> Exited<E> {
    #[inline]
    pub(crate) fn new(result: Result<Result<(), E>, Payload>, site: Site) -> Self {
        Self { result, site }
    }

    /// An exit that needs no awaiting.
    #[inline]
    pub(crate) fn of(exit: impl FnOnce() -> Result<(), E>, site: Site) -> Self {
        Self::new(catch_unwind(AssertUnwindSafe(exit)), site)
    }

    /// Reports what the exit failed with, because something else leaves the block.
    #[inline]
    pub(crate) fn lost(self, outcome: Outcome) {
        match self.result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.site.lost(outcome, &error),
            Err(payload) => self.site.lost_panic(outcome, &*payload),
        }
    }
}

/// How the body ended, and what exit is told of it.
pub struct Ending<P, R, E> {
    stop: Stop<R, E>,
    outcome: Outcome,
    swallowed: bool,
    policy: PhantomData<P>,
}

fn outcome<T, R, W, E>(stop: &Stop<R, E>, value: Option<&Product<T, W>>) -> Outcome {
    match stop {
        Stop::Completed if value.is_some_and(Product::is_failure) => Outcome::Failed,
        Stop::Completed => Outcome::Completed,
        Stop::Returned(returned) if is_err(returned) => Outcome::Failed,
        Stop::Returned(_) => Outcome::Returned,
        Stop::Jumped(Jump::Break(_)) => Outcome::Broke,
        Stop::Jumped(Jump::Continue(_)) => Outcome::Continued,
        Stop::Interrupted(_) => Outcome::Interrupted,
        Stop::Panicked(_) => Outcome::Panicked,
    }
}

impl<P: Shape, R, E: Debug> Ending<P, R, E> {
    /// Weighs why the body stopped and what it stored, and asks a manager that may suppress.
    #[inline]
    pub fn new<S, T, W>(
        policy: &P,
        scope: &mut S,
        stop: Stop<R, E>,
        value: &mut Option<Product<T, W>>,
    ) -> Self
    where
        P: Policy<S>,
    {
        let outcome = outcome(&stop, value.as_ref());
        let mut ending = Self { stop, outcome, swallowed: false, policy: PhantomData };
        if matches!(outcome, Outcome::Failed | Outcome::Interrupted) {
            match catch_unwind(AssertUnwindSafe(|| policy.swallows(scope, outcome))) {
                Ok(true) => {
                    ending.swallowed = true;
                    value.iter_mut().for_each(Product::swallowed);
                }
                Ok(false) => {}
                Err(payload) => {
                    (ending.stop, *value) = (Stop::Panicked(payload), None);
                    ending.outcome = Outcome::Panicked;
                }
            }
        }
        ending
    }

    #[inline]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Weighs the end of the body against the result of the exit: a failure of the body wins, else one of the exit.
    #[inline]
    pub fn conclude<T, W>(
        self,
        value: Option<Product<T, W>>,
        exited: Exited<E>,
        lift: impl FnOnce(E) -> W,
    ) -> Flow<P::Of<T>, R, W> {
        self.weigh(value, exited, lift, |_, _, _| None)
    }

    /// As [`conclude`](Self::conclude), of an item that others are around.
    #[inline]
    pub fn conclude_inside<T, W>(
        self,
        value: Option<Product<T, W>>,
        exited: Exited<E>,
        lift: impl FnOnce(E) -> W,
    ) -> Flow<P::Of<T>, R, W> {
        self.weigh(value, exited, lift, |error, site, outcome| {
            Some(Box::new(Leaving::new(error, site, outcome)))
        })
    }

    #[inline]
    fn weigh<T, W>(
        self,
        value: Option<Product<T, W>>,
        exited: Exited<E>,
        lift: impl FnOnce(E) -> W,
        leaving: impl FnOnce(&E, Site, Outcome) -> Option<Box<Leaving>>,
    ) -> Flow<P::Of<T>, R, W> {
        let Self { stop, outcome, swallowed, policy: _ } = self;
        let failed = !outcome.is_success() && !swallowed;
        match exited.result {
            Ok(Ok(())) => {}
            Err(payload) if outcome != Outcome::Panicked => {
                // Reports what it leaves behind. A panic of a destructor comes second.
                drop(catch_unwind(AssertUnwindSafe(|| drop((stop, value)))));
                resume_unwind(payload)
            }
            Err(_) | Ok(Err(_)) if failed => exited.lost(outcome),
            Ok(Err(error)) => {
                let leaving = leaving(&error, exited.site, outcome);
                return Flow::Value(Product::Failed { error: lift(error), leaving });
            }
            Err(_) => unreachable!("a body that panicked has failed"),
        }
        if swallowed {
            return Flow::Value(Product::Value { value: P::shape(None), failed: false });
        }
        match stop {
            Stop::Completed => Flow::Value(match value {
                Some(Product::Value { value, failed }) => {
                    Product::Value { value: P::shape(Some(value)), failed }
                }
                Some(Product::Failed { error, leaving }) => Product::Failed { error, leaving },
                None => unreachable!("a body that completes has stored its value"),
            }),
            Stop::Returned(returned) => Flow::Return(returned),
            Stop::Jumped(jump) => Flow::Jump(jump),
            Stop::Interrupted(error) => Flow::Value(Product::failed(lift(error))),
            Stop::Panicked(payload) => resume_unwind(payload),
        }
    }
}
