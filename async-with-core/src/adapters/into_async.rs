use crate::expansion::ending::Exited;
use crate::lost::Site;
use crate::nesting::Place;
use crate::{AsyncContextManager, ContextManager, LocalAsyncContextManager, Outcome};

/// A synchronous manager for `async_with!`: see [`ContextManagerExt::into_async`](crate::ContextManagerExt::into_async).
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct IntoAsync<M> {
    manager: M,
}

impl<M> IntoAsync<M> {
    pub(super) fn new(manager: M) -> Self {
        Self { manager }
    }
}

impl<M> AsyncContextManager for IntoAsync<M>
where
    M: ContextManager<Value: Send + 'static, Error: Send + 'static> + Send + 'static,
{
    type Value = M::Value;
    type Error = M::Error;

    async fn enter(&mut self) -> Result<M::Value, M::Error> {
        self.manager.enter()
    }

    async fn exit(self, value: M::Value, outcome: Outcome) -> Result<(), M::Error> {
        self.manager.exit(value, outcome)
    }
}

/// A synchronous manager that borrows, for `async_with!`: see
/// [`ContextManagerExt::into_async_local`](crate::ContextManagerExt::into_async_local).
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct LocalIntoAsync<M> {
    manager: M,
    site: Site,
}

impl<M> LocalIntoAsync<M> {
    #[track_caller]
    pub(super) fn new(manager: M) -> Self {
        Self { manager, site: Site::of::<M>() }
    }
}

impl<M: ContextManager> LocalAsyncContextManager for LocalIntoAsync<M> {
    type Value = M::Value;
    type Error = M::Error;

    async fn enter(&mut self) -> Result<M::Value, M::Error> {
        self.manager.enter()
    }

    async fn exit(self, value: M::Value, outcome: Outcome) -> Result<(), M::Error> {
        self.manager.exit(value, outcome)
    }

    fn abandon(self, value: M::Value) {
        cut(self.manager, value, Outcome::Cancelled, self.site);
    }

    fn __cut(self, value: M::Value, outcome: Outcome, site: Site, place: Place) {
        // What is detached in the block is now in the one around it.
        drop(place);
        cut(self.manager, value, outcome, site);
    }
}

/// The exit needs no awaiting: it runs in the drop.
fn cut<M: ContextManager>(manager: M, value: M::Value, outcome: Outcome, site: Site) {
    Exited::of(|| manager.exit(value, outcome), site).lost(outcome);
}
