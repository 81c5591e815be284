//! How an expansion finds out what it deals with, without a bound that would disturb type inference.
//!
//! Each question is put to a method that several traits offer for one, two, three … references to a probe. The compiler
//! takes the first whose bounds hold, from the most references down. The questions concern the manager's type, which is
//! always known; only [`Look`] asks for the type that the enclosing function returns, and only for a manager that
//! observes errors.

use std::convert::Infallible;
use std::error::Error;
use std::fmt::{self, Debug, Display};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::scope::{Payload, Product, Scope, Stop, SyncScope};
use crate::{ContextManager, LocalAsyncContextManager, ObserveError, Outcome, Suppress};

/// A type that takes part in inference, and of which there is no value.
pub struct Hint<T>(PhantomData<fn() -> T>);

impl<T> Hint<T> {
    #[must_use]
    #[expect(clippy::new_without_default, reason = "not public API")]
    pub fn new() -> Self {
        Self(PhantomData)
    }

    /// Where a body or a nested item leaves its value.
    #[must_use]
    pub fn slot<W>(self) -> Option<Product<T, W>> {
        None
    }

    /// For branches that are never taken: they say early what type is expected later.
    #[must_use]
    pub fn never(self) -> T {
        unreachable!("this branch is never taken")
    }
}

impl<T> Clone for Hint<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Hint<T> {}

/// The type of the manager.
pub struct Probe<M>(PhantomData<fn() -> M>);

#[must_use]
pub fn probe<M>(_manager: &M) -> Probe<M> {
    Probe(PhantomData)
}

// Which protocol does the manager speak? `async_with!` asks `kind`, `with!` asks `sync_kind`.

/// The manager speaks the protocol of the macro.
pub struct Fits;
/// The manager speaks only the protocol of the other macro.
pub struct Swapped;
/// The manager speaks neither protocol.
pub struct Foreign;

impl Fits {
    #[track_caller]
    pub fn scope<M: LocalAsyncContextManager>(self, manager: M) -> Scope<M> {
        Scope::new(manager)
    }

    #[track_caller]
    pub fn sync_scope<M: ContextManager>(self, manager: M) -> SyncScope<M> {
        SyncScope::new(manager)
    }
}

// The scopes of the other two kinds are over stand-ins, so that the rest of the block is still checked and the one error
// is the one about the protocol.

impl Swapped {
    pub fn scope<M: ContextManager + EnteredByAwaiting>(self, _manager: M) -> Scope<StandIn<M::Value, M::Error>> {
        unreachable!("does not compile")
    }

    pub fn sync_scope<M: LocalAsyncContextManager + EnteredWithoutAwaiting>(
        self,
        _manager: M,
    ) -> SyncScope<StandIn<M::Value, M::Error>> {
        unreachable!("does not compile")
    }
}

impl Foreign {
    pub fn scope<M: AsyncManager, V>(self, _manager: M) -> Scope<StandIn<V, Infallible>> {
        unreachable!("does not compile")
    }

    pub fn sync_scope<M: SyncManager, V>(self, _manager: M) -> SyncScope<StandIn<V, Infallible>> {
        unreachable!("does not compile")
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is a synchronous context manager and cannot be entered with `async_with!`",
    label = "this manager has `ContextManager`, not `AsyncContextManager`",
    note = "use `with!(… as name => {{ … }})`, or implement `AsyncContextManager` for `{Self}`"
)]
pub trait EnteredByAwaiting {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is an asynchronous context manager and cannot be entered with `with!`",
    label = "this manager has `AsyncContextManager`, not `ContextManager`",
    note = "use `async_with!(… as name => {{ … }})` in an async function, or implement `ContextManager` for `{Self}`"
)]
pub trait EnteredWithoutAwaiting {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an asynchronous context manager",
    label = "`async_with!` cannot enter this",
    note = "implement `AsyncContextManager` for `{Self}`: `async fn enter(&mut self)` and `async fn exit(self, value, outcome)`; or `LocalAsyncContextManager`, if it borrows or is not `Send`"
)]
pub trait AsyncManager {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context manager",
    label = "`with!` cannot enter this",
    note = "implement `ContextManager` for `{Self}`: `fn enter(&mut self)` and `fn exit(self, value, outcome)`"
)]
pub trait SyncManager {}

/// A manager of both protocols that does not exist.
pub struct StandIn<V, E>(PhantomData<fn() -> (V, E)>, Infallible);

impl<V, E: Debug> LocalAsyncContextManager for StandIn<V, E> {
    type Value = V;
    type Error = E;

    async fn enter(&mut self) -> Result<V, E> {
        match self.1 {}
    }

    async fn exit(self, _value: V, _outcome: Outcome) -> Result<(), E> {
        match self.1 {}
    }
}

impl<V, E: Debug> ContextManager for StandIn<V, E> {
    type Value = V;
    type Error = E;

    fn enter(&mut self) -> Result<V, E> {
        match self.1 {}
    }

    fn exit(self, _value: V, _outcome: Outcome) -> Result<(), E> {
        match self.1 {}
    }
}

pub mod kind {
    use super::{ContextManager, Fits, Foreign, LocalAsyncContextManager, Probe, Swapped};

    pub trait First {
        fn kind(&self) -> Fits {
            Fits
        }
    }
    impl<M: LocalAsyncContextManager> First for &&Probe<M> {}

    pub trait Second {
        fn kind(&self) -> Swapped {
            Swapped
        }
    }
    impl<M: ContextManager> Second for &Probe<M> {}

    pub trait Third {
        fn kind(&self) -> Foreign {
            Foreign
        }
    }
    impl<M> Third for Probe<M> {}
}

pub mod sync_kind {
    use super::{ContextManager, Fits, Foreign, LocalAsyncContextManager, Probe, Swapped};

    pub trait First {
        fn kind(&self) -> Fits {
            Fits
        }
    }
    impl<M: ContextManager> First for &&Probe<M> {}

    pub trait Second {
        fn kind(&self) -> Swapped {
            Swapped
        }
    }
    impl<M: LocalAsyncContextManager> Second for &Probe<M> {}

    pub trait Third {
        fn kind(&self) -> Foreign {
            Foreign
        }
    }
    impl<M> Third for Probe<M> {}
}

// May the manager swallow a failure?

/// What the value of the block is made of.
pub trait Shape {
    type Of<T>;

    /// `None` is a failure that was swallowed.
    fn shape<T>(value: Option<T>) -> Self::Of<T>;
}

/// Whether a failure in `S` is swallowed.
pub trait Policy<S>: Shape {
    fn swallows(&self, scope: &mut S, outcome: Outcome) -> bool;
}

/// The manager lets every failure pass.
#[derive(Clone, Copy)]
pub struct Passes;

impl Shape for Passes {
    type Of<T> = T;

    fn shape<T>(value: Option<T>) -> T {
        value.expect("only a manager that implements `Suppress` swallows a failure")
    }
}

impl<S> Policy<S> for Passes {
    fn swallows(&self, _scope: &mut S, _outcome: Outcome) -> bool {
        false
    }
}

/// The manager implements [`Suppress`].
#[derive(Clone, Copy)]
pub struct MaySwallow;

impl Shape for MaySwallow {
    type Of<T> = Option<T>;

    fn shape<T>(value: Option<T>) -> Option<T> {
        value
    }
}

impl<M: Suppress> Policy<Scope<M>> for MaySwallow {
    fn swallows(&self, scope: &mut Scope<M>, outcome: Outcome) -> bool {
        match (&mut scope.manager, &mut scope.value) {
            (Some(manager), Some(value)) => manager.suppress(value, outcome),
            _ => false,
        }
    }
}

pub mod policy {
    use super::{MaySwallow, Passes, Probe, Suppress};

    pub trait First {
        fn policy(&self) -> MaySwallow {
            MaySwallow
        }
    }
    impl<M: Suppress> First for &Probe<M> {}

    pub trait Second {
        fn policy(&self) -> Passes {
            Passes
        }
    }
    impl<M> Second for Probe<M> {}
}

/// For a branch that is never taken: the value of the block, from the value of its body.
#[must_use]
pub fn edge<P: Shape, T, W>(_policy: P, _value: Hint<T>) -> Product<P::Of<T>, W> {
    unreachable!("this branch is never taken")
}

// Does the manager observe errors, and what is the error?

/// The manager implements [`ObserveError`].
pub struct Watches;
/// The manager does not observe errors.
pub struct Ignores;

impl Watches {
    pub fn look<R, E>(self, stop: &Stop<R, E>) -> Look<'_, R> {
        Look(if let Stop::Returned(returned) = stop { Some(returned) } else { None })
    }
}

impl Ignores {
    pub fn look<R, E>(self, _stop: &Stop<R, E>) -> Blind {
        Blind
    }
}

/// What the body returned from the enclosing function, if it did.
pub struct Look<'a, R>(Option<&'a R>);

/// Nothing to look at, whatever the enclosing function returns.
pub struct Blind;

impl Blind {
    /// # Errors
    ///
    /// None: the type is that of the others.
    pub fn tell<S>(&self, _scope: &mut S) -> Result<(), Payload> {
        Ok(())
    }
}

impl<T, E> Look<'_, Result<T, E>> {
    /// Tells the manager of the error, and gives a panic of the manager as an error.
    fn tell_as<M: ObserveError>(
        &self,
        scope: &mut Scope<M>,
        tell: impl FnOnce(&E, &mut dyn FnMut(&(dyn Error + 'static))),
    ) -> Result<(), Payload> {
        let (Some(Err(error)), Some(manager), Some(value)) = (self.0, &mut scope.manager, &mut scope.value) else {
            return Ok(());
        };
        catch_unwind(AssertUnwindSafe(|| tell(error, &mut |error| manager.observe(value, error))))
    }
}

/// An error of which no more is known than its text.
struct Message(String);

impl Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Message {}

pub mod observe {
    use std::any::type_name;
    use std::error::Error;
    use std::fmt::Display;

    use super::{Ignores, Look, Message, ObserveError, Payload, Probe, Scope, Watches};

    pub trait First {
        fn observer(&self) -> Watches {
            Watches
        }
    }
    impl<M: ObserveError> First for &Probe<M> {}

    pub trait Second {
        fn observer(&self) -> Ignores {
            Ignores
        }
    }
    impl<M> Second for Probe<M> {}

    /// One trait and its `impl`, for one way to get at an error of type `E`.
    macro_rules! way {
        ($name:ident, $look:ty, [$($bounds:tt)*], |$error:ident| $as_error:expr) => {
            pub trait $name<M: ObserveError> {
                #[expect(clippy::missing_errors_doc, reason = "not public API")]
                fn tell(&self, scope: &mut Scope<M>) -> Result<(), Payload>;
            }

            impl<M: ObserveError, T, E $($bounds)*> $name<M> for $look {
                fn tell(&self, scope: &mut Scope<M>) -> Result<(), Payload> {
                    self.tell_as(scope, |$error, observe| observe($as_error))
                }
            }
        };
    }

    way!(AsError, &&&&&Look<'_, Result<T, E>>, [: Error + 'static], |error| error);
    way!(AsSendSync, &&&&Look<'_, Result<T, E>>, [: AsRef<dyn Error + Send + Sync>], |error| error.as_ref());
    way!(AsDyn, &&&Look<'_, Result<T, E>>, [: AsRef<dyn Error>], |error| error.as_ref());
    way!(AsText, &&Look<'_, Result<T, E>>, [: Display], |error| &Message(error.to_string()));
    way!(AsName, &Look<'_, Result<T, E>>, [], |_error| &Message(type_name::<E>().to_owned()));

    pub trait NoResult<M: ObserveError> {
        #[expect(clippy::missing_errors_doc, reason = "not public API")]
        fn tell(&self, _scope: &mut Scope<M>) -> Result<(), Payload> {
            Ok(())
        }
    }
    impl<M: ObserveError, R> NoResult<M> for Look<'_, R> {}
}

// What is the error type of the block? That of the first item that can fail.

/// An error type: of one item, or of the block as far as its items are known.
pub struct Errors<W>(PhantomData<fn() -> W>);

impl<W> Errors<W> {
    /// Where the body leaves its value, once the error type of the block is known.
    #[must_use]
    pub fn slot<T>(&self, _value: Hint<T>) -> Option<Product<T, W>> {
        None
    }
}

impl<T, W> Product<T, W> {
    pub fn errors(&self) -> Errors<W> {
        Errors(PhantomData)
    }
}

impl<M: LocalAsyncContextManager> Scope<M> {
    pub fn errors(&self) -> Errors<M::Error> {
        Errors(PhantomData)
    }
}

impl<M: ContextManager> SyncScope<M> {
    pub fn errors(&self) -> Errors<M::Error> {
        Errors(PhantomData)
    }
}

impl Errors<Infallible> {
    /// The block cannot fail: its value is that of the body.
    pub fn give<T>(&self, product: Product<T, Infallible>) -> T {
        match product.into_result() {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// No item could fail so far: the next one decides.
    #[must_use]
    pub fn then<E>(&self, _next: &Errors<E>) -> Errors<E> {
        Errors(PhantomData)
    }

    /// This item cannot fail.
    pub fn lift<W, B>(&self, _block: &Errors<B>, error: Infallible) -> W {
        match error {}
    }

    /// For a branch that is never taken: the items so far say nothing of the block's type.
    #[must_use]
    pub fn early<T, B>(&self, _product: Product<T, Infallible>) -> B {
        unreachable!("this branch is never taken")
    }
}

pub mod fallible {
    use super::{Errors, ItemError, PhantomData, Product};

    pub trait Fallible<E>: Sized {
        /// # Errors
        ///
        /// What entering or exiting reported.
        fn give<T>(&self, product: Product<T, E>) -> Result<T, E> {
            product.into_result()
        }

        fn then<N>(&self, _next: &Errors<N>) -> Errors<E> {
            Errors(PhantomData)
        }

        fn lift<W: ItemError<E>>(&self, _block: &Errors<W>, error: E) -> W {
            W::from_item(error)
        }

        /// # Errors
        ///
        /// None: it is for a branch that is never taken.
        fn early<T>(&self, product: Product<T, E>) -> Result<T, E> {
            product.into_result()
        }
    }

    impl<E> Fallible<E> for Errors<E> {}
}

#[diagnostic::on_unimplemented(
    message = "this item fails with `{E}`, which does not convert into `{Self}`, the error of the block",
    label = "`{Self}` does not implement `From<{E}>`",
    note = "the error of a block over several items is that of the first one that can fail; convert this item's with `.err_into::<{Self}>()` or `.map_err(…)`, or implement `From<{E}>` for `{Self}`"
)]
pub trait ItemError<E> {
    fn from_item(error: E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E, W: From<E>> ItemError<E> for W {
    fn from_item(error: E) -> Self {
        error.into()
    }
}
