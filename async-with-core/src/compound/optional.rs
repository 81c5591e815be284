//! A manager that may be absent.

use std::error::Error;
use std::future::Future;

use super::parts::taken_out;
use crate::lost::Site;
use crate::{AsyncContextManager, Interrupt, LocalAsyncContextManager, ObserveError, Outcome, Suppress};

/// `None` is entered and exited without doing anything, and its value is `None`.
///
/// A body that takes the value out of a `Some` leaves nothing to exit: that goes to the
/// [lost-error hook](crate::set_lost_error_hook). Use `value.as_mut()`.
impl<M: AsyncContextManager> AsyncContextManager for Option<M> {
    type Value = Option<M::Value>;
    type Error = M::Error;

    fn enter(&mut self) -> impl Future<Output = Result<Self::Value, M::Error>> + Send {
        enter(self, Site::of::<M>())
    }

    async fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), M::Error> {
        self.__leave(value, outcome, Site::of::<M>()).await
    }

    fn interrupt(&self, value: &Self::Value) -> Interrupt<M::Error> {
        match (self, value) {
            (Some(manager), Some(value)) => manager.interrupt(value),
            _ => Interrupt::never(),
        }
    }

    async fn __enter(manager: &mut Option<Self>, site: Site) -> Result<Self::Value, M::Error> {
        match manager {
            Some(manager) => enter(manager, site).await,
            None => Ok(None),
        }
    }

    async fn __leave(self, value: Self::Value, outcome: Outcome, site: Site) -> Result<(), M::Error> {
        match (self, value) {
            (Some(manager), Some(value)) => manager.__leave(value, outcome, site).await,
            (Some(_), None) => {
                taken_out(site, outcome);
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }
}

async fn enter<M: AsyncContextManager>(
    manager: &mut Option<M>,
    site: Site,
) -> Result<Option<M::Value>, M::Error> {
    if manager.is_none() {
        return Ok(None);
    }
    M::__enter(manager, site).await.map(Some)
}

impl<M> ObserveError for Option<M>
where
    M: AsyncContextManager
        + ObserveError
        + LocalAsyncContextManager<Value = <M as AsyncContextManager>::Value>,
{
    fn observe(
        &mut self,
        value: &mut Option<<M as AsyncContextManager>::Value>,
        error: &(dyn Error + 'static),
    ) {
        if let (Some(manager), Some(value)) = (self, value) {
            manager.observe(value, error);
        }
    }
}

/// `None` swallows nothing.
impl<M> Suppress for Option<M>
where
    M: AsyncContextManager + Suppress + LocalAsyncContextManager<Value = <M as AsyncContextManager>::Value>,
{
    fn suppress(&mut self, value: &mut Option<<M as AsyncContextManager>::Value>, outcome: Outcome) -> bool {
        match (self, value) {
            (Some(manager), Some(value)) => manager.suppress(value, outcome),
            _ => false,
        }
    }
}
