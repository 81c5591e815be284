//! What managers can do besides being entered.

mod boxed;
#[cfg(feature = "tokio")]
mod exit_timeout;
mod finish_enter;
mod inner;
mod into_async;
mod map_err;
#[cfg(feature = "tracing")]
mod traced;

use std::fmt::Debug;
#[cfg(feature = "tokio")]
use std::time::Duration;

pub use self::boxed::BoxContextManager;
#[cfg(feature = "tokio")]
pub use self::exit_timeout::{ExitTimeout, ExitTimeoutError};
pub use self::finish_enter::FinishEnter;
pub use self::into_async::{IntoAsync, LocalIntoAsync};
pub use self::map_err::{LocalMapErr, MapErr};
#[cfg(feature = "tracing")]
pub use self::traced::Traced;
use crate::{AsyncContextManager, ContextManager, LocalAsyncContextManager};

/// What every asynchronous context manager can do besides being entered.
pub trait AsyncContextManagerExt: AsyncContextManager {
    /// Converts what entering, exiting and interrupting fail with into `E`, with `From`.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::{AsyncContextManager, AsyncContextManagerExt};
    ///
    /// fn described(manager: impl AsyncContextManager<Error = std::io::Error>) -> impl AsyncContextManager {
    ///     manager.err_into::<Box<dyn std::error::Error + Send + Sync>>()
    /// }
    /// ```
    #[track_caller]
    fn err_into<E>(self) -> MapErr<Self, fn(Self::Error) -> E>
    where
        E: From<Self::Error> + Debug + Send + 'static,
    {
        self.map_err(E::from)
    }

    /// Converts what entering, exiting and interrupting fail with by a function.
    ///
    /// For a manager that cannot fail, among others that can, the function is `|never| match never {}`.
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
    #[track_caller]
    fn map_err<E, F>(self, convert: F) -> MapErr<Self, F>
    where
        E: Debug + Send + 'static,
        F: Fn(Self::Error) -> E + Clone + Send + 'static,
    {
        MapErr::new(self, convert)
    }

    /// Waits for the exit only so long: a late one goes on detached, and the block reports it.
    ///
    /// The time is counted from the beginning of the exit. The exit is not stopped when it is over: it has been handed over
    /// and runs to its end, like the exit of a block that is dropped, and so the exits of blocks around this one wait for
    /// it. What it then fails with goes to the [lost-error hook](crate::set_lost_error_hook).
    ///
    /// # Errors
    ///
    /// [`ExitTimeoutError::Elapsed`] when the exit was late, else what the manager fails with, in
    /// [`ExitTimeoutError::Manager`].
    ///
    /// # Panics
    ///
    /// Entering panics outside a tokio runtime, and on one whose timers are not enabled.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use async_with::{AsyncContextManagerExt, ExitTimeoutError, async_with, defer};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let slow = defer(|_outcome| tokio::time::sleep(Duration::from_secs(60)));
    /// let block = async_with!(slow.exit_timeout(Duration::from_secs(5)) => "done");
    /// assert!(matches!(block, Err(ExitTimeoutError::Elapsed { .. })));
    /// # });
    /// ```
    #[cfg(feature = "tokio")]
    #[track_caller]
    fn exit_timeout(self, limit: Duration) -> ExitTimeout<Self> {
        ExitTimeout::new(self, limit)
    }

    /// Makes entering one step: dropped half-way, it goes on detached, and what was entered is exited.
    ///
    /// By itself, a future that is dropped during `enter` drops the `enter` at its current await, and a `BEGIN` whose answer
    /// has not come leaves a transaction open. This manager's `enter` is handed over then, runs to its end, and is
    /// followed by the exit, told `Cancelled`. The exits of blocks around it wait for both. What either fails with goes to
    /// the [lost-error hook](crate::set_lost_error_hook).
    ///
    /// It costs one allocation.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use async_with::{AsyncContextManagerExt, Outcome, async_with, from_fn, settle};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let (exited, exit) = tokio::sync::oneshot::channel();
    /// let slow = from_fn(
    ///     || async {
    ///         tokio::time::sleep(Duration::from_secs(60)).await;
    ///         Ok::<_, std::io::Error>("connection")
    ///     },
    ///     |_connection, outcome| async move { exited.send(outcome).unwrap() },
    /// );
    /// let block = async { async_with!(slow.finish_enter() as _c => unreachable!("it was dropped before")) };
    /// assert!(tokio::time::timeout(Duration::from_secs(1), block).await.is_err());
    /// settle().await;
    /// assert_eq!(exit.await, Ok(Outcome::Cancelled));
    /// # });
    /// ```
    #[track_caller]
    fn finish_enter(self) -> FinishEnter<Self> {
        FinishEnter::new(self)
    }

    /// Hides the manager's type, so that different managers can be chosen from, or put in one list.
    ///
    /// What [`ObserveError`](crate::ObserveError) and [`Suppress`](crate::Suppress) do is lost with the type.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::{AsyncContextManagerExt, async_with, from_fn, ready};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cached = true;
    /// let source = if cached {
    ///     ready(7).boxed()
    /// } else {
    ///     from_fn(|| async { Ok(8) }, |_number, _outcome| async {}).boxed()
    /// };
    /// assert_eq!(async_with!(source as number => *number), 7);
    /// # });
    /// ```
    #[track_caller]
    fn boxed(self) -> BoxContextManager<Self::Value, Self::Error> {
        BoxContextManager::new(self)
    }

    /// Puts the block in `tracing` spans: `enter`, `body` and `exit`, in one for the whole that bears the name.
    ///
    /// The span of the whole is called `context_manager`, with the fields `name` and `outcome`. Each span in it has
    /// `elapsed_us`, its duration in microseconds; `exit` has `outcome` too, and `enter` and `exit` have `error` if they
    /// failed. Events of the body are in the span `body`, and an exit that runs detached is in `exit` all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::{AsyncContextManagerExt, async_with, ready};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// async_with!(ready("page").traced("cache entry") as page => {
    ///     tracing::info!(%page, "found");
    /// });
    /// # });
    /// ```
    #[cfg(feature = "tracing")]
    #[track_caller]
    fn traced(self, name: impl Into<std::borrow::Cow<'static, str>>) -> Traced<Self> {
        Traced::new(self, name.into())
    }
}

impl<M: AsyncContextManager> AsyncContextManagerExt for M {}

/// What every local asynchronous context manager can do besides being entered.
///
/// The methods are those of [`AsyncContextManagerExt`] for managers that borrow or are not `Send`. They have names of their
/// own, because an [`AsyncContextManager`] has both.
pub trait LocalAsyncContextManagerExt: LocalAsyncContextManager {
    /// Converts what entering, exiting and interrupting fail with into `E`, with `From`.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::{LocalAsyncContextManager, LocalAsyncContextManagerExt};
    ///
    /// fn described<'a>(
    ///     manager: impl LocalAsyncContextManager<Error = std::io::Error> + 'a,
    /// ) -> impl LocalAsyncContextManager + 'a {
    ///     manager.err_into_local::<Box<dyn std::error::Error>>()
    /// }
    /// ```
    #[track_caller]
    fn err_into_local<E>(self) -> LocalMapErr<Self, fn(Self::Error) -> E>
    where
        Self::Error: 'static,
        E: From<Self::Error> + Debug + 'static,
    {
        self.map_err_local(E::from)
    }

    /// Converts what entering, exiting and interrupting fail with by a function.
    ///
    /// # Panics
    ///
    /// As for [`AsyncContextManagerExt::map_err`].
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::{LocalAsyncContextManager, LocalAsyncContextManagerExt};
    ///
    /// fn described<'a>(
    ///     manager: impl LocalAsyncContextManager<Error = std::io::Error> + 'a,
    /// ) -> impl LocalAsyncContextManager + 'a {
    ///     manager.map_err_local(|error| format!("the cache: {error}"))
    /// }
    /// ```
    #[track_caller]
    fn map_err_local<E, F>(self, convert: F) -> LocalMapErr<Self, F>
    where
        Self::Error: 'static,
        E: Debug + 'static,
        F: Fn(Self::Error) -> E + Clone + Send + 'static,
    {
        LocalMapErr::new(self, convert)
    }
}

impl<M: LocalAsyncContextManager> LocalAsyncContextManagerExt for M {}

/// What every synchronous context manager can do besides being entered.
pub trait ContextManagerExt: ContextManager {
    /// Makes this an [`AsyncContextManager`], for `async_with!`, exit stacks and lists.
    ///
    /// Its `enter` and `exit` run on the thread that polls the block: they should not block it for long.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use async_with::{ContextManager, ContextManagerExt, Outcome, async_with};
    ///
    /// struct Section(&'static str);
    ///
    /// impl ContextManager for Section {
    ///     type Value = ();
    ///     type Error = Infallible;
    ///     fn enter(&mut self) -> Result<(), Infallible> {
    ///         println!("<{}>", self.0);
    ///         Ok(())
    ///     }
    ///     fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
    ///         println!("</{}>", self.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// async_with!(Section("report").into_async() => tokio::task::yield_now().await);
    /// # });
    /// ```
    fn into_async(self) -> IntoAsync<Self>
    where
        Self: Send + 'static,
        Self::Value: Send + 'static,
        Self::Error: Send + 'static,
    {
        IntoAsync::new(self)
    }

    /// Makes this a [`LocalAsyncContextManager`], where it borrows or is not `Send`.
    ///
    /// When the future that holds the block is dropped, the exit runs in the drop, told what it is to be told. It does not
    /// wait for detached exits of blocks nested in this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::convert::Infallible;
    /// use async_with::{ContextManager, ContextManagerExt, Outcome, async_with};
    ///
    /// struct Push<'a>(&'a RefCell<Vec<u32>>);
    ///
    /// impl ContextManager for Push<'_> {
    ///     type Value = ();
    ///     type Error = Infallible;
    ///     fn enter(&mut self) -> Result<(), Infallible> {
    ///         self.0.borrow_mut().push(1);
    ///         Ok(())
    ///     }
    ///     fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
    ///         self.0.borrow_mut().pop();
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stack = RefCell::new(vec![]);
    /// async_with!(Push(&stack).into_async_local() => {
    ///     tokio::task::yield_now().await;
    ///     assert_eq!(stack.borrow().len(), 1);
    /// });
    /// assert_eq!(stack.borrow().len(), 0);
    /// # });
    /// ```
    #[track_caller]
    fn into_async_local(self) -> LocalIntoAsync<Self> {
        LocalIntoAsync::new(self)
    }
}

impl<M: ContextManager> ContextManagerExt for M {}
