use std::fmt;
use std::future::Future;

use super::exit_result::DeferResult;
use crate::{AsyncContextManager, Outcome};

/// A manager that enters nothing and awaits a function at the end of its block, told how the body ended.
///
/// The function's future gives `()`, then the manager cannot fail, or a `Result<(), E>`.
///
/// # Examples
///
/// ```
/// use async_with::{async_with, defer};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// async_with!(defer(|outcome| async move { println!("the body {outcome}") }) => {
///     println!("working");
/// });
/// # });
/// ```
pub fn defer<F, X>(exit: F) -> Defer<F>
where
    F: FnOnce(Outcome) -> X + Send + 'static,
    X: Future<Output: DeferResult> + Send,
{
    Defer { exit }
}

/// A manager of an exit only: see [`defer`].
#[derive(Clone)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Defer<F> {
    exit: F,
}

impl<F, X, O> AsyncContextManager for Defer<F>
where
    F: FnOnce(Outcome) -> X + Send + 'static,
    X: Future<Output = O> + Send,
    O: DeferResult,
{
    type Value = ();
    type Error = O::Error;

    async fn enter(&mut self) -> Result<(), O::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), O::Error> {
        (self.exit)(outcome).await.into_exit_result()
    }
}

impl<F> fmt::Debug for Defer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defer").finish_non_exhaustive()
    }
}
