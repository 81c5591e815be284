//! How a body ended, what exit is told of it, and who wins when both fail.

use std::any::type_name;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::Outcome;
use crate::classify::is_err;
use crate::lost::Site;
use crate::probe::{Policy, Shape};
use crate::scope::{Jump, Payload, Stop};

/// What a body or a nested item left in its block: `W` is the error type of the whole block.
pub struct Product<T, W> {
    result: Result<T, W>,
    /// Whether it counts as a failure: of an item, or of the body, whose value is an `Err`.
    failed: bool,
    /// There if the error is that of an exit, in an item that others are around.
    leaving: Option<Box<Leaving>>,
}

/// The error of an exit on its way out through the items around it: what overtakes it there, a panic or a drop, has it reported.
///
/// The error itself has become one of the block by then, of which nothing is known.
struct Leaving {
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
    pub fn of_body(value: T) -> Self {
        Self { failed: is_err(&value), result: Ok(value), leaving: None }
    }

    /// The block was not entered. It is given the whole result, for rustc 1.85 warns of code after an expression whose type is
    /// the error of an infallible manager.
    pub fn not_entered<E>(entered: Result<(), E>, lift: impl FnOnce(E) -> W) -> Self {
        match entered {
            Ok(()) => unreachable!("it was not entered"),
            Err(error) => Self::failed(lift(error)),
        }
    }

    pub(crate) fn failed(error: W) -> Self {
        Self { result: Err(error), failed: true, leaving: None }
    }

    pub(crate) fn value(&self) -> Option<&T> {
        self.result.as_ref().ok()
    }

    pub fn into_result(mut self) -> Result<T, W> {
        self.swallowed();
        self.result
    }

    /// Nobody need hear of its error any more.
    fn swallowed(&mut self) {
        if let Some(mut leaving) = self.leaving.take() {
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
    pub(crate) fn new(result: Result<Result<(), E>, Payload>, site: Site) -> Self {
        Self { result, site }
    }

    /// An exit that needs no awaiting.
    pub(crate) fn of(exit: impl FnOnce() -> Result<(), E>, site: Site) -> Self {
        Self::new(catch_unwind(AssertUnwindSafe(exit)), site)
    }

    /// Reports what the exit failed with, because something else leaves the block.
    pub(crate) fn lost(self, outcome: Outcome) {
        match self.result {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.site.lost(outcome, &error),
            Err(payload) => self.site.lost_panic(outcome, &*payload),
        }
    }
}

/// How the body ended, and what exit is told of it.
pub struct Ending<P, T, R, W, E> {
    body: Body<T, R, W, E>,
    outcome: Outcome,
    swallowed: bool,
    policy: PhantomData<P>,
}

enum Body<T, R, W, E> {
    Value(Product<T, W>),
    Returned(R),
    Jumped(Jump),
    Interrupted(E),
    Panicked(Payload),
}

impl<T, R, W, E> Body<T, R, W, E> {
    fn outcome(&self) -> Outcome {
        match self {
            Body::Value(product) if product.failed => Outcome::Failed,
            Body::Value(_) => Outcome::Completed,
            Body::Returned(returned) if is_err(returned) => Outcome::Failed,
            Body::Returned(_) => Outcome::Returned,
            Body::Jumped(Jump::Break(_)) => Outcome::Broke,
            Body::Jumped(Jump::Continue(_)) => Outcome::Continued,
            Body::Interrupted(_) => Outcome::Interrupted,
            Body::Panicked(_) => Outcome::Panicked,
        }
    }
}

impl<P: Shape, T, R, W, E: Debug> Ending<P, T, R, W, E> {
    /// Puts together why the body stopped and what it stored, and asks a manager that may suppress.
    pub fn new<S>(policy: &P, scope: &mut S, stop: Stop<R, E>, value: Option<Product<T, W>>) -> Self
    where
        P: Policy<S>,
    {
        let mut body = match stop {
            Stop::Completed => Body::Value(value.expect("a body that completes has stored its value")),
            Stop::Returned(returned) => Body::Returned(returned),
            Stop::Jumped(jump) => Body::Jumped(jump),
            Stop::Interrupted(error) => Body::Interrupted(error),
            Stop::Panicked(payload) => Body::Panicked(payload),
        };
        let mut outcome = body.outcome();
        let mut swallowed = false;
        if matches!(outcome, Outcome::Failed | Outcome::Interrupted) {
            match catch_unwind(AssertUnwindSafe(|| policy.swallows(scope, outcome))) {
                Ok(answer) => {
                    swallowed = answer;
                    if let (true, Body::Value(product)) = (swallowed, &mut body) {
                        product.swallowed();
                    }
                }
                Err(payload) => {
                    body = Body::Panicked(payload);
                    outcome = Outcome::Panicked;
                }
            }
        }
        Self { body, outcome, swallowed, policy: PhantomData }
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Weighs the end of the body against the result of the exit: a failure of the body wins, else one of the exit.
    pub fn conclude(self, exited: Exited<E>, lift: impl FnOnce(E) -> W) -> Flow<P::Of<T>, R, W> {
        self.weigh(exited, lift, |_, _, _| None)
    }

    /// As [`conclude`](Self::conclude), of an item that others are around.
    pub fn conclude_inside(self, exited: Exited<E>, lift: impl FnOnce(E) -> W) -> Flow<P::Of<T>, R, W> {
        self.weigh(exited, lift, |error, site, outcome| Some(Box::new(Leaving::new(error, site, outcome))))
    }

    fn weigh(
        self,
        exited: Exited<E>,
        lift: impl FnOnce(E) -> W,
        leaving: impl FnOnce(&E, Site, Outcome) -> Option<Box<Leaving>>,
    ) -> Flow<P::Of<T>, R, W> {
        let Self { body, outcome, swallowed, policy: _ } = self;
        let failed = !outcome.is_success() && !swallowed;
        match exited.result {
            Err(payload) if outcome != Outcome::Panicked => {
                // Reports what it leaves behind. A panic of a destructor comes second.
                drop(catch_unwind(AssertUnwindSafe(|| drop(body))));
                resume_unwind(payload)
            }
            _ if failed => exited.lost(outcome),
            Ok(Err(error)) => {
                let leaving = leaving(&error, exited.site, outcome);
                return Flow::Value(Product { leaving, ..Product::failed(lift(error)) });
            }
            _ => {}
        }
        match body {
            _ if swallowed => {
                Flow::Value(Product { result: Ok(P::shape(None)), failed: false, leaving: None })
            }
            Body::Value(Product { result, failed, leaving }) => {
                Flow::Value(Product { result: result.map(|value| P::shape(Some(value))), failed, leaving })
            }
            Body::Returned(returned) => Flow::Return(returned),
            Body::Jumped(jump) => Flow::Jump(jump),
            Body::Interrupted(error) => Flow::Value(Product::failed(lift(error))),
            Body::Panicked(payload) => resume_unwind(payload),
        }
    }
}
