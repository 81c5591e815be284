use super::inner::{Inner, pass_on};
use crate::handover::{HandOver, Shield};
use crate::nesting::Place;
use crate::{AsyncContextManager, Interrupt, Outcome};

/// A manager whose enter is finished when it is cut: see
/// [`AsyncContextManagerExt::finish_enter`](crate::AsyncContextManagerExt::finish_enter).
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct FinishEnter<M> {
    inner: Inner<M>,
}

impl<M> FinishEnter<M> {
    #[track_caller]
    pub(super) fn new(manager: M) -> Self {
        Self { inner: Inner::new(manager) }
    }
}

/// A manager whose enter has ended.
struct Entering<M: AsyncContextManager> {
    inner: Inner<M>,
    entered: Result<M::Value, M::Error>,
}

impl<M: AsyncContextManager> HandOver for Entering<M> {
    type Error = M::Error;

    async fn finish(self) -> Result<(), M::Error> {
        self.inner.leave(self.entered?, Outcome::Cancelled).await
    }
}

impl<M: AsyncContextManager> AsyncContextManager for FinishEnter<M> {
    type Value = M::Value;
    type Error = M::Error;

    async fn enter(&mut self) -> Result<M::Value, M::Error> {
        let site = self.inner.site;
        let mut inner = Inner { manager: self.inner.manager.take(), site };
        let enter = async move {
            let entered = inner.enter().await;
            Entering { inner, entered }
        };
        let mut place = Place::detachable();
        let Entering { inner, entered } = Shield::new(enter, Outcome::Cancelled, site, &mut place).await;
        self.inner = inner;
        entered
    }

    async fn exit(self, value: M::Value, outcome: Outcome) -> Result<(), M::Error> {
        self.inner.leave(value, outcome).await
    }

    fn interrupt(&self, value: &M::Value) -> Interrupt<M::Error> {
        self.inner.interrupt(value)
    }
}

pass_on!(FinishEnter<M>);
