use std::error::Error;
use std::fmt::Debug;

use crate::{AsyncContextManager, Interrupt, LocalAsyncContextManager, ObserveError, Outcome, Suppress};

/// What every asynchronous context manager can do besides being entered.
pub trait AsyncContextManagerExt: AsyncContextManager {
    /// Converts what entering, exiting and interrupting fail with into `E`, with `From`.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::{AsyncContextManager, AsyncContextManagerExt};
    ///
    /// fn boxed(manager: impl AsyncContextManager<Error = std::io::Error>) -> impl AsyncContextManager {
    ///     manager.err_into::<Box<dyn std::error::Error + Send + Sync>>()
    /// }
    /// ```
    fn err_into<E>(self) -> MapErr<Self, fn(Self::Error) -> E>
    where
        E: From<Self::Error> + Debug + Send + 'static,
    {
        self.map_err(E::from)
    }

    /// Converts what entering, exiting and interrupting fail with by a function.
    ///
    /// # Panics
    ///
    /// A panic of the function is one of the `enter`, `exit` or interrupt whose error it converts.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::{AsyncContextManager, AsyncContextManagerExt};
    ///
    /// fn described(manager: impl AsyncContextManager<Error = std::io::Error>) -> impl AsyncContextManager {
    ///     manager.map_err(|error| format!("the cache: {error}"))
    /// }
    /// ```
    fn map_err<E, F>(self, convert: F) -> MapErr<Self, F>
    where
        E: Debug + Send + 'static,
        F: Fn(Self::Error) -> E + Clone + Send + 'static,
    {
        MapErr { manager: self, convert }
    }
}

impl<M: AsyncContextManager> AsyncContextManagerExt for M {}

/// A manager with another error: see [`AsyncContextManagerExt::map_err`].
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct MapErr<M, F> {
    manager: M,
    convert: F,
}

impl<M, F, E> AsyncContextManager for MapErr<M, F>
where
    M: AsyncContextManager,
    F: Fn(M::Error) -> E + Clone + Send + 'static,
    E: Debug + Send + 'static,
{
    type Value = M::Value;
    type Error = E;

    async fn enter(&mut self) -> Result<Self::Value, E> {
        let Self { manager, convert } = self;
        AsyncContextManager::enter(manager).await.map_err(&*convert)
    }

    async fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), E> {
        let Self { manager, convert } = self;
        AsyncContextManager::exit(manager, value, outcome).await.map_err(convert)
    }

    fn interrupt(&self, value: &Self::Value) -> Interrupt<E> {
        AsyncContextManager::interrupt(&self.manager, value).map(self.convert.clone())
    }
}

impl<M, F, E> ObserveError for MapErr<M, F>
where
    M: AsyncContextManager
        + ObserveError
        + LocalAsyncContextManager<Value = <M as AsyncContextManager>::Value>,
    F: Fn(<M as AsyncContextManager>::Error) -> E + Clone + Send + 'static,
    E: Debug + Send + 'static,
{
    fn observe(&mut self, value: &mut <M as AsyncContextManager>::Value, error: &(dyn Error + 'static)) {
        self.manager.observe(value, error);
    }
}

impl<M, F, E> Suppress for MapErr<M, F>
where
    M: AsyncContextManager + Suppress + LocalAsyncContextManager<Value = <M as AsyncContextManager>::Value>,
    F: Fn(<M as AsyncContextManager>::Error) -> E + Clone + Send + 'static,
    E: Debug + Send + 'static,
{
    fn suppress(&mut self, value: &mut <M as AsyncContextManager>::Value, outcome: Outcome) -> bool {
        self.manager.suppress(value, outcome)
    }
}
