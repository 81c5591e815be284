//! What the future of an exit function may give.

use std::convert::Infallible;
use std::fmt::Debug;

/// `()` or `Result<(), E>`: what an exit function's future may give where the error `E` is known otherwise.
#[diagnostic::on_unimplemented(
    message = "an exit gives `()` or `Result<(), {E}>`, not `{Self}`",
    label = "the future of this function gives `{Self}`",
    note = "end the `async` block with `;` if its value is not needed, or with `Ok(())`; convert another error with `.map_err(..)`"
)]
pub trait ExitResult<E> {
    #[doc(hidden)]
    fn into_exit_result(self) -> Result<(), E>;
}

impl<E> ExitResult<E> for () {
    fn into_exit_result(self) -> Result<(), E> {
        Ok(())
    }
}

impl<E> ExitResult<E> for Result<(), E> {
    fn into_exit_result(self) -> Self {
        self
    }
}

/// `()` or a `Result<(), E>`: what an exit function's future may give that decides on the error.
#[diagnostic::on_unimplemented(
    message = "an exit gives `()` or a `Result<(), E>`, not `{Self}`",
    label = "the future of this function gives `{Self}`",
    note = "end the `async` block with `;` if its value is not needed, or with `Ok(())`"
)]
pub trait DeferResult: ExitResult<<Self as DeferResult>::Error> {
    /// [`Infallible`] for `()`.
    type Error: Debug + Send + 'static;
}

impl DeferResult for () {
    type Error = Infallible;
}

impl<E: Debug + Send + 'static> DeferResult for Result<(), E> {
    type Error = E;
}
