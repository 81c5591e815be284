//! Managers of one type, one after the other.

use std::error::Error;

use super::MUST_OWN;
use super::parts::{Held, Parts, Unwinding, taken_out};
use crate::lost::Site;
use crate::manager::ENTERED_ONCE;
use crate::{AsyncContextManager, Interrupt, LocalAsyncContextManager, ObserveError, Outcome};

impl<M: AsyncContextManager> Parts for Vec<(M, M::Value)> {
    type Error = M::Error;

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    async fn exit(self, unwinding: &mut Unwinding<M::Error>, site: Site) {
        for part in self.into_iter().rev() {
            part.exit(unwinding, site).await;
        }
    }
}

/// Enters all in order; gives them back with their values.
async fn enter<M: AsyncContextManager>(
    managers: impl IntoIterator<Item = M>,
    site: Site,
) -> Result<(Vec<M>, Vec<M::Value>), M::Error> {
    let mut held = Held::new(Vec::new(), site);
    for manager in managers {
        let mut manager = Some(manager);
        let value = held.enter(M::__enter(&mut manager, site.part::<M>())).await?;
        held.split().0.push((manager.expect(ENTERED_ONCE), value));
    }
    Ok(held.release().await.into_iter().unzip())
}

/// Exits all in reverse.
async fn exit<M: AsyncContextManager>(
    managers: impl IntoIterator<Item = M>,
    values: impl IntoIterator<Item = M::Value>,
    outcome: Outcome,
    site: Site,
) -> Result<(), M::Error> {
    let parts: Vec<_> = pairs(managers, values, outcome, site).collect();
    parts.unwind(outcome, site).await.finish()
}

/// The managers with their values, of which the body may have replaced all by fewer.
pub(super) fn pairs<M: AsyncContextManager>(
    managers: impl IntoIterator<Item = M>,
    values: impl IntoIterator<Item = M::Value>,
    outcome: Outcome,
    site: Site,
) -> impl Iterator<Item = (M, M::Value)> {
    let mut values = values.into_iter();
    managers.into_iter().filter_map(move |manager| {
        let value = values.next();
        if value.is_none() {
            taken_out(site.part::<M>(), outcome);
        }
        Some((manager, value?))
    })
}

/// The managers are entered in order and exited in reverse, as if each were nested in the one before it.
///
/// The value is a boxed slice, so that the body does not add or remove what the managers are to get back. Managers whose
/// values are gone nevertheless, as after `std::mem::take`, go to the [lost-error hook](crate::set_lost_error_hook).
impl<M: AsyncContextManager> AsyncContextManager for Vec<M> {
    type Value = Box<[M::Value]>;
    type Error = M::Error;

    async fn enter(&mut self) -> Result<Self::Value, M::Error> {
        let (managers, values) = enter(std::mem::take(self), Site::of::<M>()).await?;
        *self = managers;
        Ok(values.into())
    }

    async fn exit(self, values: Self::Value, outcome: Outcome) -> Result<(), M::Error> {
        self.__leave(values, outcome, Site::of::<M>()).await
    }

    fn interrupt(&self, values: &Self::Value) -> Interrupt<M::Error> {
        Interrupt::any(self.iter().zip(values).map(|(manager, value)| manager.interrupt(value)))
    }

    async fn __enter(managers: &mut Option<Self>, site: Site) -> Result<Self::Value, M::Error> {
        let (entered, values) = enter(managers.take().expect(ENTERED_ONCE), site).await?;
        *managers = Some(entered);
        Ok(values.into())
    }

    async fn __leave(self, values: Self::Value, outcome: Outcome, site: Site) -> Result<(), M::Error> {
        exit(self, values, outcome, site).await
    }
}

impl<M> ObserveError for Vec<M>
where
    M: AsyncContextManager
        + ObserveError
        + LocalAsyncContextManager<Value = <M as AsyncContextManager>::Value>,
{
    fn observe(
        &mut self,
        values: &mut Box<[<M as AsyncContextManager>::Value]>,
        error: &(dyn Error + 'static),
    ) {
        self.iter_mut().zip(values).rev().for_each(|(manager, value)| manager.observe(value, error));
    }
}

/// The managers are entered in order and exited in reverse, as if each were nested in the one before it.
///
/// # Panics
///
/// `enter` must own them, so that it can exit those before one that fails. `async_with!`, exit stacks, lists and the
/// adapters of this crate see to that; called by itself, as a manager of yours may do that wraps another, it panics: wrap
/// `array.boxed()` or `array.finish_enter()` instead.
impl<M: AsyncContextManager, const N: usize> AsyncContextManager for [M; N] {
    type Value = [M::Value; N];
    type Error = M::Error;

    async fn enter(&mut self) -> Result<Self::Value, M::Error> {
        panic!("{}", MUST_OWN)
    }

    async fn exit(self, values: Self::Value, outcome: Outcome) -> Result<(), M::Error> {
        self.__leave(values, outcome, Site::of::<M>()).await
    }

    fn interrupt(&self, values: &Self::Value) -> Interrupt<M::Error> {
        Interrupt::any(self.iter().zip(values).map(|(manager, value)| manager.interrupt(value)))
    }

    async fn __enter(managers: &mut Option<Self>, site: Site) -> Result<Self::Value, M::Error> {
        let (entered, values) = enter(managers.take().expect(ENTERED_ONCE), site).await?;
        *managers = entered.try_into().ok();
        Ok(values.try_into().unwrap_or_else(|_| unreachable!("there are as many values as managers")))
    }

    async fn __leave(self, values: Self::Value, outcome: Outcome, site: Site) -> Result<(), M::Error> {
        exit(self, values, outcome, site).await
    }
}

impl<M, const N: usize> ObserveError for [M; N]
where
    M: AsyncContextManager
        + ObserveError
        + LocalAsyncContextManager<Value = <M as AsyncContextManager>::Value>,
{
    fn observe(
        &mut self,
        values: &mut [<M as AsyncContextManager>::Value; N],
        error: &(dyn Error + 'static),
    ) {
        self.iter_mut().zip(values).rev().for_each(|(manager, value)| manager.observe(value, error));
    }
}
