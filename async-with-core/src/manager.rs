use std::error::Error;
use std::fmt::Debug;
use std::future::Future;

use crate::handover::{self, Shield};
use crate::lost::Site;
use crate::nesting::Place;
use crate::{Interrupt, Outcome};

/// A resource that is entered and left by awaiting, with an exit that is guaranteed to run.
///
/// `self` is the manager's own state. The value that `enter` gives is lent to the body as `&mut` and handed back to
/// `exit`, so that there is no exit without an enter, no second exit, and no value that outlives its block.
///
/// If the future that holds the block is dropped during the body or during the exit, the exit runs to its end
/// *detached*: on the tokio runtime in which the block first waited, or, where there was none, on a background
/// thread. That is why the manager and its value are `Send + 'static`; see [`LocalAsyncContextManager`] for those that
/// cannot be. It is also why `exit` must not need what is only where the block is: tokio's `spawn_local` panics in a detached
/// exit, and so do its timers, I/O and `spawn` on the background thread. Such a panic goes to the
/// [lost-error hook](crate::set_lost_error_hook).
///
/// # Cancel safety
///
/// A future dropped during `enter` runs no exit, because nothing was entered: `enter` must undo its own work when it is
/// dropped half-way. There is no await between the end of `enter` and the moment from which `exit` is sure to run.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncContextManager, Outcome};
///
/// struct Connect(&'static str);
/// struct Connection(String);
///
/// impl AsyncContextManager for Connect {
///     type Value = Connection;
///     type Error = std::io::Error;
///
///     async fn enter(&mut self) -> Result<Connection, Self::Error> {
///         Ok(Connection(self.0.to_owned()))
///     }
///
///     async fn exit(self, connection: Connection, outcome: Outcome) -> Result<(), Self::Error> {
///         println!("closing {}: the body {outcome}", connection.0);
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an `AsyncContextManager`",
    label = "`AsyncContextManager` is needed here",
    note = "implement `AsyncContextManager` for `{Self}`: `async fn enter(&mut self)` and `async fn exit(self, value, outcome)`",
    note = "if it is a `ContextManager`, make it asynchronous with `.into_async()`, of `ContextManagerExt`; if it is a `LocalAsyncContextManager`, enter it by a block of its own, `async_with!(… as name => {{ … }})`"
)]
pub trait AsyncContextManager: Sized + Send + 'static {
    /// What the body works with, lent to it as `&mut Value`.
    type Value: Send + 'static;
    /// What entering and exiting can fail with; [`Infallible`](std::convert::Infallible) if they cannot.
    type Error: Debug + Send + 'static;

    /// Acquires the resource.
    ///
    /// # Errors
    ///
    /// The block's value is the error; neither body nor exit run.
    fn enter(&mut self) -> impl Future<Output = Result<Self::Value, Self::Error>> + Send;

    /// Releases the resource, told how the body ended.
    ///
    /// # Errors
    ///
    /// The block's value is the error if the body succeeded, whichever way it was about to leave. If the body failed as
    /// well, the body's failure leaves and this error goes to the [lost-error hook](crate::set_lost_error_hook).
    fn exit(
        self,
        value: Self::Value,
        outcome: Outcome,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// When to stop the body: [`Interrupt::never`] unless overridden. Called once, after `enter`.
    fn interrupt(&self, value: &Self::Value) -> Interrupt<Self::Error> {
        let _ = value;
        Interrupt::never()
    }

    // Not public API. How the scope and this crate's adapters enter and exit: managers that consist of others need to own
    // them while they are entered, and the place for what their parts fail with.

    #[doc(hidden)]
    fn __enter(
        manager: &mut Option<Self>,
        site: Site,
    ) -> impl Future<Output = Result<Self::Value, Self::Error>> + Send {
        let _ = site;
        manager.as_mut().expect(ENTERED_ONCE).enter()
    }

    #[doc(hidden)]
    fn __leave(
        self,
        value: Self::Value,
        outcome: Outcome,
        site: Site,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        let _ = site;
        self.exit(value, outcome)
    }
}

pub(crate) const ENTERED_ONCE: &str = "a context manager is entered once";

/// A resource that is entered and left by awaiting, and that may borrow or be confined to its thread.
///
/// The protocol is that of [`AsyncContextManager`] without `Send` and `'static`. Its exit is awaited on every way out
/// that the program takes itself (end of body, `return`, `?`, `break`, `continue`, panic, interrupt). It cannot run by
/// itself after the future that holds the block has been dropped; [`abandon`](Self::abandon) is called instead.
///
/// Every `AsyncContextManager` is also one of these, with the guarantee of a detached exit.
///
/// # Cancel safety
///
/// A future dropped during `enter` runs neither `exit` nor `abandon`. One dropped during `exit` drops the exit at its
/// current await.
///
/// # Examples
///
/// ```
/// use async_with::{LocalAsyncContextManager, Outcome};
/// use tokio::sync::{Mutex, MutexGuard};
///
/// struct Locked<'a>(&'a Mutex<u32>);
///
/// impl<'a> LocalAsyncContextManager for Locked<'a> {
///     type Value = MutexGuard<'a, u32>;
///     type Error = std::convert::Infallible;
///
///     async fn enter(&mut self) -> Result<Self::Value, Self::Error> {
///         Ok(self.0.lock().await)
///     }
///
///     async fn exit(self, guard: Self::Value, _outcome: Outcome) -> Result<(), Self::Error> {
///         drop(guard);
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an asynchronous context manager",
    label = "an asynchronous context manager is needed here",
    note = "implement `AsyncContextManager` for `{Self}`: `async fn enter(&mut self)` and `async fn exit(self, value, outcome)`; or `LocalAsyncContextManager`, if it borrows or is not `Send`"
)]
pub trait LocalAsyncContextManager: Sized {
    /// What the body works with, lent to it as `&mut Value`.
    type Value;
    /// What entering and exiting can fail with; [`Infallible`](std::convert::Infallible) if they cannot.
    type Error: Debug;

    /// Acquires the resource.
    ///
    /// # Errors
    ///
    /// The block's value is the error; neither body nor exit run.
    fn enter(&mut self) -> impl Future<Output = Result<Self::Value, Self::Error>>;

    /// Releases the resource, told how the body ended.
    ///
    /// # Errors
    ///
    /// As for [`AsyncContextManager::exit`].
    fn exit(self, value: Self::Value, outcome: Outcome) -> impl Future<Output = Result<(), Self::Error>>;

    /// When to stop the body: [`Interrupt::never`] unless overridden. Called once, after `enter`.
    fn interrupt(&self, value: &Self::Value) -> Interrupt<Self::Error> {
        let _ = value;
        Interrupt::never()
    }

    /// Called in place of `exit` when the future that holds the block is dropped before the exit has begun.
    ///
    /// It cannot await, and does not wait for the detached exits of blocks in the body. By default the value is dropped, then the
    /// manager. In a task of tokio's `LocalSet` it may leave what awaits to `spawn_local`, which does nothing any more when the
    /// whole set is dropped.
    fn abandon(self, value: Self::Value) {
        drop(value);
    }

    // Not public API. How a scope treats its manager where the guarantee of `AsyncContextManager` makes a difference:
    // the defaults are for local managers, the blanket impl below overrides them.

    #[doc(hidden)]
    fn __enter(
        manager: &mut Option<Self>,
        site: Site,
    ) -> impl Future<Output = Result<Self::Value, Self::Error>> {
        let _ = site;
        manager.as_mut().expect(ENTERED_ONCE).enter()
    }

    #[doc(hidden)]
    #[must_use]
    fn __place() -> Place {
        Place::default()
    }

    #[doc(hidden)]
    fn __exit(
        self,
        value: Self::Value,
        outcome: Outcome,
        site: Site,
        place: &mut Place,
    ) -> impl Future<Output = Result<(), Self::Error>> {
        let _ = (site, place);
        self.exit(value, outcome)
    }

    #[doc(hidden)]
    fn __cut(self, value: Self::Value, outcome: Outcome, site: Site, place: Place) {
        let _ = (outcome, site);
        // What is detached in the block is now in the one around it.
        drop(place);
        self.abandon(value);
    }
}

#[diagnostic::do_not_recommend]
impl<M: AsyncContextManager> LocalAsyncContextManager for M {
    type Value = M::Value;
    type Error = M::Error;

    fn enter(&mut self) -> impl Future<Output = Result<Self::Value, Self::Error>> {
        AsyncContextManager::enter(self)
    }

    fn exit(self, value: Self::Value, outcome: Outcome) -> impl Future<Output = Result<(), Self::Error>> {
        AsyncContextManager::exit(self, value, outcome)
    }

    fn interrupt(&self, value: &Self::Value) -> Interrupt<Self::Error> {
        AsyncContextManager::interrupt(self, value)
    }

    #[track_caller]
    fn abandon(self, value: Self::Value) {
        self.__cut(value, Outcome::Cancelled, Site::of::<M>(), Place::detachable());
    }

    fn __enter(
        manager: &mut Option<Self>,
        site: Site,
    ) -> impl Future<Output = Result<Self::Value, Self::Error>> {
        <M as AsyncContextManager>::__enter(manager, site)
    }

    fn __place() -> Place {
        Place::detachable()
    }

    fn __exit(
        self,
        value: Self::Value,
        outcome: Outcome,
        site: Site,
        place: &mut Place,
    ) -> impl Future<Output = Result<(), Self::Error>> {
        Shield::new(self.__leave(value, outcome, site), outcome, site, place)
    }

    fn __cut(self, value: Self::Value, outcome: Outcome, site: Site, place: Place) {
        let exit = async move { self.__leave(value, outcome, site).await };
        handover::detach(exit, outcome, site, place);
    }
}

/// A resource that is entered and left without awaiting, for `with!`.
///
/// # Examples
///
/// ```
/// use async_with::{ContextManager, Outcome};
///
/// struct Indent(usize);
///
/// impl ContextManager for Indent {
///     type Value = String;
///     type Error = std::convert::Infallible;
///
///     fn enter(&mut self) -> Result<String, Self::Error> {
///         Ok(" ".repeat(self.0))
///     }
///
///     fn exit(self, _indent: String, _outcome: Outcome) -> Result<(), Self::Error> {
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `ContextManager`",
    label = "`ContextManager` is needed here",
    note = "implement `ContextManager` for `{Self}`: `fn enter(&mut self)` and `fn exit(self, value, outcome)`",
    note = "if it is asynchronous, it is entered as it is, without `.into_async()`"
)]
pub trait ContextManager: Sized {
    /// What the body works with, lent to it as `&mut Value`.
    type Value;
    /// What entering and exiting can fail with; [`Infallible`](std::convert::Infallible) if they cannot.
    type Error: Debug;

    /// Acquires the resource.
    ///
    /// # Errors
    ///
    /// The block's value is the error; neither body nor exit run.
    fn enter(&mut self) -> Result<Self::Value, Self::Error>;

    /// Releases the resource, told how the body ended.
    ///
    /// # Errors
    ///
    /// As for [`AsyncContextManager::exit`].
    fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), Self::Error>;
}

/// A manager that wants to see the error with which its body leaves.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use async_with::{AsyncContextManager, ObserveError, Outcome};
///
/// #[derive(Default)]
/// struct Journal { why: Option<String> }
///
/// impl AsyncContextManager for Journal {
///     type Value = ();
///     type Error = std::convert::Infallible;
///
///     async fn enter(&mut self) -> Result<(), Self::Error> { Ok(()) }
///
///     async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Self::Error> {
///         println!("{outcome}: {}", self.why.unwrap_or_default());
///         Ok(())
///     }
/// }
///
/// impl ObserveError for Journal {
///     fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
///         self.why = Some(error.to_string());
///     }
/// }
/// ```
pub trait ObserveError: LocalAsyncContextManager {
    /// Called once, before `exit`, when the body leaves with an `Err` by `?` or `return`.
    ///
    /// The error is the one that the enclosing function returns, if it is an `Error + 'static` or gives one through
    /// `AsRef` (as `anyhow::Error` and `Box<dyn Error>` do); otherwise an error with the text of its `Display`, or,
    /// without that, with the name of its type.
    ///
    /// # Panics
    ///
    /// A panic in here counts as a panic of the body.
    fn observe(&mut self, value: &mut Self::Value, error: &(dyn Error + 'static));
}

/// A manager that may swallow the failure of its body.
///
/// The value of a block over such a manager is an `Option`: `None` means that the failure was swallowed, and the code
/// after the block goes on.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncContextManager, Outcome, Suppress};
///
/// struct BestEffort;
///
/// impl AsyncContextManager for BestEffort {
///     type Value = ();
///     type Error = std::convert::Infallible;
///
///     async fn enter(&mut self) -> Result<(), Self::Error> { Ok(()) }
///     async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Self::Error> { Ok(()) }
/// }
///
/// impl Suppress for BestEffort {
///     fn suppress(&mut self, _value: &mut (), outcome: Outcome) -> bool {
///         outcome == Outcome::Failed
///     }
/// }
/// ```
pub trait Suppress: LocalAsyncContextManager {
    /// Asked before `exit` whether to swallow the failure, when the outcome is `Failed` or `Interrupted`.
    ///
    /// # Panics
    ///
    /// A panic in here counts as a panic of the body.
    fn suppress(&mut self, value: &mut Self::Value, outcome: Outcome) -> bool;
}
