//! How an expansion finds out what it deals with, without a bound that would disturb type inference.
//!
//! Each question is put to a method that several traits offer for one, two, three … references to a probe. The compiler
//! takes the first whose bounds hold, from the most references down. The questions concern the manager's type, which is
//! always known; only `Look`, in `observer`, asks for the type that the enclosing function returns, and only for a manager that
//! observes errors.

mod errors;
mod function;
mod made;
mod observer;
mod protocol;
mod suppression;

use std::marker::PhantomData;
use std::ops::Deref;

pub use self::errors::fallible;
pub use self::observer::observe;
pub use self::protocol::{kind, sync_kind};
use self::suppression::MaySwallow;
pub use self::suppression::{Passes, Policy, Shape, edge, policy};
use crate::expansion::ending::Product;

/// A type that takes part in inference, and of which there is no value.
///
/// Not `Copy`: a body captures it by value then, which takes no room in its future, where a reference would.
pub struct Hint<T>(PhantomData<fn() -> T>);

impl<T> Hint<T> {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "not public API")]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// Where a body or a nested item leaves its value.
    #[must_use]
    pub fn slot<W>(&self) -> Option<Product<T, W>> {
        None
    }

    /// For branches that are never taken: they say early what type is expected later.
    #[must_use]
    pub fn never(self) -> T {
        unreachable!("this branch is never taken")
    }
}

/// The type of the manager.
pub struct Probe<M>(PhantomData<fn() -> M>);

/// No type is this. But all bounds hold for one that rustc does not know, because of a mistake that it has reported.
pub trait Unknown {}

/// So that no question about an unknown type has an answer: a method of what may be anything has an unknown type too, and
/// nothing that follows from it is another error.
impl<M: Unknown> Deref for Probe<M> {
    type Target = M;

    fn deref(&self) -> &M {
        unreachable!("does not compile")
    }
}

#[must_use]
pub fn probe<M>(_manager: &M) -> Probe<M> {
    Probe(PhantomData)
}
