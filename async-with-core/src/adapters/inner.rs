use std::fmt;
use std::future::Future;

use crate::lost::Site;
use crate::manager::ENTERED_ONCE;
use crate::{AsyncContextManager, Interrupt, Outcome};

/// The manager that an adapter adapts, and where it was made.
pub(super) struct Inner<M> {
    /// There except while it is being entered.
    pub(super) manager: Option<M>,
    pub(super) site: Site,
}

impl<M> Inner<M> {
    #[track_caller]
    pub(super) fn new(manager: M) -> Self {
        Self { manager: Some(manager), site: Site::of::<M>() }
    }

    pub(super) fn get_mut(&mut self) -> &mut M {
        self.manager.as_mut().expect("a context manager that was entered is there")
    }
}

impl<M: AsyncContextManager> Inner<M> {
    pub(super) fn enter(&mut self) -> impl Future<Output = Result<M::Value, M::Error>> + Send {
        M::__enter(&mut self.manager, self.site)
    }

    pub(super) fn leave(
        self,
        value: M::Value,
        outcome: Outcome,
    ) -> impl Future<Output = Result<(), M::Error>> + Send {
        self.manager.expect(ENTERED_ONCE).__leave(value, outcome, self.site)
    }

    pub(super) fn interrupt(&self, value: &M::Value) -> Interrupt<M::Error> {
        self.manager.as_ref().map_or_else(Interrupt::never, |manager| manager.interrupt(value))
    }
}

impl<M: Clone> Clone for Inner<M> {
    fn clone(&self) -> Self {
        Self { manager: self.manager.clone(), site: self.site }
    }
}

impl<M: fmt::Debug> fmt::Debug for Inner<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.manager {
            Some(manager) => manager.fmt(f),
            None => f.write_str("(being entered)"),
        }
    }
}

/// The opt-in traits of the inner manager, for an adapter with a field `inner`.
macro_rules! pass_on {
    ($adapter:ty $(, $parameter:ident)* $(where $($bounds:tt)*)?) => {
        impl<M $(, $parameter)*> $crate::ObserveError for $adapter
        where
            M: $crate::AsyncContextManager
                + $crate::ObserveError
                + $crate::LocalAsyncContextManager<Value = <M as $crate::AsyncContextManager>::Value>,
            $($($bounds)*)?
        {
            fn observe(
                &mut self,
                value: &mut <M as $crate::AsyncContextManager>::Value,
                error: &(dyn std::error::Error + 'static),
            ) {
                self.inner.get_mut().observe(value, error);
            }
        }

        impl<M $(, $parameter)*> $crate::Suppress for $adapter
        where
            M: $crate::AsyncContextManager
                + $crate::Suppress
                + $crate::LocalAsyncContextManager<Value = <M as $crate::AsyncContextManager>::Value>,
            $($($bounds)*)?
        {
            fn suppress(
                &mut self,
                value: &mut <M as $crate::AsyncContextManager>::Value,
                outcome: $crate::Outcome,
            ) -> bool {
                self.inner.get_mut().suppress(value, outcome)
            }
        }
    };
}
pub(super) use pass_on;
