use std::error::Error;
use std::fmt::Debug;

use super::inner::{Inner, pass_on};
use crate::lost::Site;
use crate::manager::ENTERED_ONCE;
use crate::nesting::Place;
use crate::{AsyncContextManager, Interrupt, LocalAsyncContextManager, ObserveError, Outcome, Suppress};

/// A manager with another error: see [`AsyncContextManagerExt::map_err`](crate::AsyncContextManagerExt::map_err).
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct MapErr<M, F> {
    inner: Inner<M>,
    convert: F,
}

impl<M, F> MapErr<M, F> {
    #[track_caller]
    pub(super) fn new(manager: M, convert: F) -> Self {
        Self { inner: Inner::new(manager), convert }
    }
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
        let Self { inner, convert } = self;
        inner.enter().await.map_err(&mut *convert)
    }

    async fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), E> {
        self.inner.leave(value, outcome).await.map_err(self.convert)
    }

    fn interrupt(&self, value: &Self::Value) -> Interrupt<E> {
        self.inner.interrupt(value).map(self.convert.clone())
    }
}

pass_on!(MapErr<M, F>, F, E where
    F: Fn(<M as AsyncContextManager>::Error) -> E + Clone + Send + 'static,
    E: Debug + Send + 'static
);

/// A local manager with another error: see
/// [`LocalAsyncContextManagerExt::map_err_local`](crate::LocalAsyncContextManagerExt::map_err_local).
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct LocalMapErr<M, F> {
    inner: Inner<M>,
    convert: F,
}

impl<M, F> LocalMapErr<M, F> {
    #[track_caller]
    pub(super) fn new(manager: M, convert: F) -> Self {
        Self { inner: Inner::new(manager), convert }
    }

    fn into_inner(self) -> (M, F) {
        (self.inner.manager.expect(ENTERED_ONCE), self.convert)
    }
}

/// It passes on whatever the inner manager does about being cut, which may be one with a guarantee.
impl<M, F, E> LocalAsyncContextManager for LocalMapErr<M, F>
where
    M: LocalAsyncContextManager<Error: 'static>,
    F: Fn(M::Error) -> E + Clone + Send + 'static,
    E: Debug + 'static,
{
    type Value = M::Value;
    type Error = E;

    async fn enter(&mut self) -> Result<Self::Value, E> {
        let Self { inner, convert } = self;
        M::__enter(&mut inner.manager, inner.site).await.map_err(&mut *convert)
    }

    async fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), E> {
        let (manager, convert) = self.into_inner();
        manager.exit(value, outcome).await.map_err(convert)
    }

    fn interrupt(&self, value: &Self::Value) -> Interrupt<E> {
        let inner =
            self.inner.manager.as_ref().map_or_else(Interrupt::never, |manager| manager.interrupt(value));
        inner.map(self.convert.clone())
    }

    fn abandon(self, value: Self::Value) {
        self.into_inner().0.abandon(value);
    }

    fn __place() -> Place {
        M::__place()
    }

    async fn __exit(
        self,
        value: Self::Value,
        outcome: Outcome,
        site: Site,
        place: &mut Place,
    ) -> Result<(), E> {
        let (manager, convert) = self.into_inner();
        manager.__exit(value, outcome, site, place).await.map_err(convert)
    }

    fn __cut(self, value: Self::Value, outcome: Outcome, site: Site, place: Place) {
        self.into_inner().0.__cut(value, outcome, site, place);
    }
}

impl<M, F, E> ObserveError for LocalMapErr<M, F>
where
    M: ObserveError<Error: 'static>,
    F: Fn(M::Error) -> E + Clone + Send + 'static,
    E: Debug + 'static,
{
    fn observe(&mut self, value: &mut M::Value, error: &(dyn Error + 'static)) {
        self.inner.get_mut().observe(value, error);
    }
}

impl<M, F, E> Suppress for LocalMapErr<M, F>
where
    M: Suppress<Error: 'static>,
    F: Fn(M::Error) -> E + Clone + Send + 'static,
    E: Debug + 'static,
{
    fn suppress(&mut self, value: &mut M::Value, outcome: Outcome) -> bool {
        self.inner.get_mut().suppress(value, outcome)
    }
}
