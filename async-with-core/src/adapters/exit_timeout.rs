use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::inner::{Inner, pass_on};
use crate::handover::{Runtime, Shield};
use crate::nesting::Place;
use crate::{AsyncContextManager, Interrupt, Outcome};

/// A manager whose exit may take only so long: see
/// [`AsyncContextManagerExt::exit_timeout`](crate::AsyncContextManagerExt::exit_timeout).
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct ExitTimeout<M> {
    inner: Inner<M>,
    limit: Duration,
    /// Of the runtime in which it was entered.
    timer: Option<tokio::runtime::Handle>,
}

impl<M> ExitTimeout<M> {
    #[track_caller]
    pub(super) fn new(manager: M, limit: Duration) -> Self {
        Self { inner: Inner::new(manager), limit, timer: None }
    }
}

impl<M: AsyncContextManager> AsyncContextManager for ExitTimeout<M> {
    type Value = M::Value;
    type Error = ExitTimeoutError<M::Error>;

    async fn enter(&mut self) -> Result<M::Value, Self::Error> {
        // Where there is no timer it panics now, and not when there is something to exit.
        drop(tokio::time::sleep(self.limit));
        self.timer = Some(tokio::runtime::Handle::current());
        self.inner.enter().await.map_err(ExitTimeoutError::Manager)
    }

    async fn exit(self, value: M::Value, outcome: Outcome) -> Result<(), Self::Error> {
        let Self { inner, limit, timer } = self;
        let runtime = timer.clone().map_or_else(Runtime::current, Runtime::Tokio);
        // Shielded: when it is late it is dropped, and thereby handed over.
        let site = inner.site;
        let mut place = Place::on(runtime);
        let exit = Shield::new(inner.leave(value, outcome), outcome, site, &mut place);
        let exit = {
            let _in_runtime = timer.as_ref().map(tokio::runtime::Handle::enter);
            tokio::time::timeout(limit, exit)
        };
        match exit.await {
            Ok(exited) => exited.map_err(ExitTimeoutError::Manager),
            Err(_) => Err(ExitTimeoutError::Elapsed { limit }),
        }
    }

    fn interrupt(&self, value: &M::Value) -> Interrupt<Self::Error> {
        self.inner.interrupt(value).map(ExitTimeoutError::Manager)
    }
}

pass_on!(ExitTimeout<M>);

/// What a block over a manager with an exit timeout fails with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitTimeoutError<E> {
    /// The manager itself failed.
    Manager(E),
    /// The exit had not ended in time; it goes on detached.
    #[non_exhaustive]
    Elapsed {
        /// The time that it had.
        limit: Duration,
    },
}

impl<E> fmt::Display for ExitTimeoutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager(_) => f.write_str("entering or exiting the context manager failed"),
            Self::Elapsed { limit } => {
                write!(f, "the exit took longer than {limit:?}, and goes on in the background")
            }
        }
    }
}

impl<E: Error + 'static> Error for ExitTimeoutError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Manager(error) => Some(error),
            Self::Elapsed { .. } => None,
        }
    }
}
