use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::inner::Inner;
use crate::{AsyncContextManager, Interrupt, Outcome};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`AsyncContextManager`] with the futures boxed, so that there can be a `dyn` of it.
trait Erased<V, E>: Send {
    fn enter(&mut self) -> BoxFuture<'_, Result<V, E>>;
    fn exit(self: Box<Self>, value: V, outcome: Outcome) -> BoxFuture<'static, Result<(), E>>;
    fn interrupt(&self, value: &V) -> Interrupt<E>;
}

impl<M: AsyncContextManager> Erased<M::Value, M::Error> for Inner<M> {
    fn enter(&mut self) -> BoxFuture<'_, Result<M::Value, M::Error>> {
        Box::pin(self.enter())
    }

    fn exit(self: Box<Self>, value: M::Value, outcome: Outcome) -> BoxFuture<'static, Result<(), M::Error>> {
        Box::pin((*self).leave(value, outcome))
    }

    fn interrupt(&self, value: &M::Value) -> Interrupt<M::Error> {
        self.interrupt(value)
    }
}

/// A manager of any type with this value and error: see
/// [`AsyncContextManagerExt::boxed`](crate::AsyncContextManagerExt::boxed).
#[must_use = "a context manager does nothing unless it is entered"]
pub struct BoxContextManager<V, E> {
    manager: Box<dyn Erased<V, E>>,
}

impl<V, E> BoxContextManager<V, E> {
    #[track_caller]
    pub(super) fn new<M: AsyncContextManager<Value = V, Error = E>>(manager: M) -> Self {
        Self { manager: Box::new(Inner::new(manager)) }
    }
}

impl<V: Send + 'static, E: fmt::Debug + Send + 'static> AsyncContextManager for BoxContextManager<V, E> {
    type Value = V;
    type Error = E;

    fn enter(&mut self) -> impl Future<Output = Result<V, E>> + Send {
        self.manager.enter()
    }

    fn exit(self, value: V, outcome: Outcome) -> impl Future<Output = Result<(), E>> + Send {
        self.manager.exit(value, outcome)
    }

    fn interrupt(&self, value: &V) -> Interrupt<E> {
        self.manager.interrupt(value)
    }
}

impl<V, E> fmt::Debug for BoxContextManager<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxContextManager").finish_non_exhaustive()
    }
}
