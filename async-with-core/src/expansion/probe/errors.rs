//! What is the error type of the block? That of the first item that can fail.

use std::convert::Infallible;
use std::marker::PhantomData;

use crate::expansion::ending::Product;
use crate::expansion::probe::Hint;
use crate::expansion::scope::{Scope, SyncScope};
use crate::{ContextManager, LocalAsyncContextManager};

/// An error type: of one item, or of the block as far as its items are known.
pub struct Errors<W>(PhantomData<fn() -> W>);

impl<W> Errors<W> {
    /// Where the body leaves its value, once the error type of the block is known.
    #[must_use]
    pub fn slot<T>(&self, _value: &Hint<T>) -> Option<Product<T, W>> {
        None
    }
}

impl<T, W> Product<T, W> {
    pub fn errors(&self) -> Errors<W> {
        Errors(PhantomData)
    }
}

impl<M: LocalAsyncContextManager> Scope<M> {
    pub fn errors(&self) -> Errors<M::Error> {
        Errors(PhantomData)
    }
}

impl<M: ContextManager> SyncScope<M> {
    pub fn errors(&self) -> Errors<M::Error> {
        Errors(PhantomData)
    }
}

impl Errors<Infallible> {
    /// The block cannot fail: its value is that of the body.
    pub fn give<T>(&self, product: Product<T, Infallible>) -> T {
        match product.into_result() {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// No item could fail so far: the next one decides.
    #[must_use]
    pub fn then<E>(self, _next: &Errors<E>) -> Errors<E> {
        Errors(PhantomData)
    }

    /// This item cannot fail.
    pub fn lift<W, B>(&self, _block: &Errors<B>) -> fn(Infallible) -> W {
        |never| match never {}
    }

    /// As [`lift`](Self::lift), where the block is the body of a function.
    pub fn lift_out<R>(&self, _returns: &Hint<R>) -> fn(Infallible) -> R {
        |never| match never {}
    }

    /// For a branch that is never taken: the items so far say nothing of the block's type.
    #[must_use]
    pub fn early<T, B>(&self, _product: Product<T, Infallible>) -> B {
        unreachable!("this branch is never taken")
    }
}

pub mod fallible {
    use super::{Errors, Hint, ItemError, PhantomData, Product};
    use crate::expansion::probe::function::FunctionResult;

    pub trait Fallible<E>: Sized {
        /// # Errors
        ///
        /// What entering or exiting reported.
        fn give<T>(&self, product: Product<T, E>) -> Result<T, E> {
            product.into_result()
        }

        fn then<N>(self, _next: &Errors<N>) -> Errors<E> {
            Errors(PhantomData)
        }

        /// How an error of this item becomes one of the block.
        fn lift<W: ItemError<E>>(&self, _block: &Errors<W>) -> fn(E) -> W {
            W::from_item
        }

        /// How an error of this item becomes what the function returns of which the block is the body.
        fn lift_out<R: FunctionResult<E>>(&self, _returns: &Hint<R>) -> fn(E) -> R {
            R::from_item
        }

        /// # Errors
        ///
        /// None: it is for a branch that is never taken.
        fn early<T>(&self, product: Product<T, E>) -> Result<T, E> {
            product.into_result()
        }
    }

    impl<E> Fallible<E> for Errors<E> {}
}

#[diagnostic::on_unimplemented(
    message = "this item fails with `{E}`, which does not convert into `{Self}`, the error of the block",
    label = "`{Self}` does not implement `From<{E}>`",
    note = "the error of a block over several items is that of the first one that can fail",
    note = "implement `From<{E}>` for `{Self}`; or, on an asynchronous manager, convert this item's error with `.map_err(…)`, of `AsyncContextManagerExt`, or the first one's with `.err_into()`, into one that all others convert into"
)]
pub trait ItemError<E> {
    fn from_item(error: E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E, W: From<E>> ItemError<E> for W {
    fn from_item(error: E) -> Self {
        error.into()
    }
}
