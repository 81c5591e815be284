//! What leaves a function whose whole body is the block? Everything becomes what the function returns.

use crate::expansion::ending::Product;
use crate::expansion::probe::{MaySwallow, Passes};

/// What a function returns that can pass an `E` on to its caller.
#[diagnostic::on_unimplemented(
    message = "this context manager can fail with `{E}`, but the function does not return a `Result`",
    label = "the function returns `{Self}`",
    note = "let the function return a `Result` whose error is made from `{E}`; or handle the error in the function, with `async_with!` in its body"
)]
pub trait FunctionResult<E> {
    fn from_item(error: E) -> Self;
}

impl<T, E, F: FunctionError<E>> FunctionResult<E> for Result<T, F> {
    fn from_item(error: E) -> Self {
        Err(F::from_item(error))
    }
}

#[diagnostic::on_unimplemented(
    message = "this context manager fails with `{E}`, which does not convert into `{Self}`, the error of the function",
    label = "`{Self}` does not implement `From<{E}>`",
    note = "convert it with `.map_err(…)` on the manager, of `AsyncContextManagerExt`, or implement `From<{E}>` for `{Self}`; or let the function return an error that `{E}` converts into"
)]
pub trait FunctionError<E> {
    fn from_item(error: E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E, F: From<E>> FunctionError<E> for F {
    fn from_item(error: E) -> Self {
        error.into()
    }
}

/// What a function or a block gives that can say that there is nothing, because its failure was swallowed.
#[diagnostic::on_unimplemented(
    message = "this context manager may swallow a failure, and then there is no `{Self}` to go on with",
    label = "this manager implements `Suppress`",
    note = "let the function, or the block that it was entered in, give `()`, an `Option`, or a `Result` of one of them: `()`, `None`, or `Ok` of it is then given; or use `async_with!`, where the value of the block is an `Option`"
)]
pub trait Nothing {
    fn nothing() -> Self;
}

impl Nothing for () {
    fn nothing() -> Self {}
}

impl<T> Nothing for Option<T> {
    fn nothing() -> Self {
        None
    }
}

impl<T: Nothing, E> Nothing for Result<T, E> {
    fn nothing() -> Self {
        Ok(T::nothing())
    }
}

impl Passes {
    /// What a body gave, or how it failed.
    ///
    /// # Errors
    ///
    /// What entering or exiting reported.
    pub fn value<T, W>(self, product: Product<T, W>) -> Result<T, W> {
        product.into_result()
    }
}

impl MaySwallow {
    /// What a body gave, or nothing if its failure was swallowed; or how it failed.
    ///
    /// # Errors
    ///
    /// What entering or exiting reported.
    pub fn value<T: Nothing, W>(self, product: Product<Option<T>, W>) -> Result<T, W> {
        Ok(product.into_result()?.unwrap_or_else(T::nothing))
    }
}
