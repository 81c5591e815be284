//! May the manager swallow a failure?

use crate::expansion::ending::Product;
use crate::expansion::probe::{Hint, Probe};
use crate::expansion::scope::Scope;
use crate::{Outcome, Suppress};

/// What the value of the block is made of.
pub trait Shape {
    type Of<T>;

    /// `None` is a failure that was swallowed.
    fn shape<T>(value: Option<T>) -> Self::Of<T>;
}

/// Whether a failure in `S` is swallowed.
pub trait Policy<S>: Shape {
    fn swallows(&self, scope: &mut S, outcome: Outcome) -> bool;
}

/// The manager lets every failure pass.
#[derive(Clone, Copy)]
pub struct Passes;

impl Shape for Passes {
    type Of<T> = T;

    fn shape<T>(value: Option<T>) -> T {
        value.expect("only a manager that implements `Suppress` swallows a failure")
    }
}

impl<S> Policy<S> for Passes {
    fn swallows(&self, _scope: &mut S, _outcome: Outcome) -> bool {
        false
    }
}

/// The manager implements [`Suppress`].
#[derive(Clone, Copy)]
pub struct MaySwallow;

impl Shape for MaySwallow {
    type Of<T> = Option<T>;

    fn shape<T>(value: Option<T>) -> Option<T> {
        value
    }
}

impl<M: Suppress> Policy<Scope<M>> for MaySwallow {
    fn swallows(&self, scope: &mut Scope<M>, outcome: Outcome) -> bool {
        scope.inside().is_some_and(|(manager, value)| manager.suppress(value, outcome))
    }
}

pub mod policy {
    use super::{MaySwallow, Passes, Probe, Suppress};

    pub trait First {
        fn policy(&self) -> MaySwallow {
            MaySwallow
        }
    }
    impl<M: Suppress> First for &Probe<M> {}

    pub trait Second {
        fn policy(&self) -> Passes {
            Passes
        }
    }
    impl<M> Second for Probe<M> {}
}

/// For a branch that is never taken: the value of the block, from the value of its body.
#[must_use]
pub fn edge<P: Shape, T, W>(_policy: P, _value: &Hint<T>) -> Product<P::Of<T>, W> {
    unreachable!("this branch is never taken")
}
