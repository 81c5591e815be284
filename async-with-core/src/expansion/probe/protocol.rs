//! Which protocol does the manager speak? `async_with!` asks `kind`, `with!` asks `sync_kind`.

use std::convert::Infallible;
use std::fmt::Debug;
use std::marker::PhantomData;

use crate::expansion::probe::Probe;
use crate::expansion::probe::made::Made;
use crate::expansion::scope::{Scope, SyncScope};
use crate::{ContextManager, LocalAsyncContextManager, Outcome};

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
    pub fn scope_in_function<M: LocalAsyncContextManager>(self, manager: M) -> Scope<M> {
        Scope::new(manager)
    }

    #[track_caller]
    pub fn sync_scope<M: ContextManager>(self, manager: M) -> SyncScope<M> {
        SyncScope::new(manager)
    }
}

// The scope of a manager of the other protocol is over a stand-in, so that the rest of the block is still checked and the one
// error is the one about the protocol.

impl Swapped {
    pub fn scope<M: ContextManager + EnteredByAwaiting>(
        self,
        _manager: M,
    ) -> Scope<StandIn<M::Value, M::Error>> {
        unreachable!("does not compile")
    }

    pub fn scope_in_function<M: ContextManager + EnteredInFunction>(
        self,
        _manager: M,
    ) -> Scope<StandIn<M::Value, M::Error>> {
        unreachable!("does not compile")
    }

    pub fn sync_scope<M: LocalAsyncContextManager + EnteredWithoutAwaiting>(
        self,
        _manager: M,
    ) -> SyncScope<StandIn<M::Value, M::Error>> {
        unreachable!("does not compile")
    }
}

// Nothing says what the scope `S` of anything else is, so that nothing that follows is another error.

impl Foreign {
    pub fn scope<M: AsyncManager, S>(self, _manager: M) -> S {
        unreachable!("does not compile")
    }

    pub fn scope_in_function<M: AsyncManager, S>(self, _manager: M) -> S {
        unreachable!("does not compile")
    }

    pub fn sync_scope<M: SyncManager, S>(self, _manager: M) -> S {
        unreachable!("does not compile")
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is a synchronous context manager and cannot be entered with `async_with!`",
    label = "this manager has `ContextManager`, not `AsyncContextManager`",
    note = "use `with!(… as name => {{ … }})`, or make it asynchronous with `.into_async()`, of `ContextManagerExt`, or implement `AsyncContextManager` for `{Self}`"
)]
pub trait EnteredByAwaiting {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is a synchronous context manager, which `#[within]` and `#[enter]` do not enter",
    label = "this manager has `ContextManager`, not `AsyncContextManager`",
    note = "make it asynchronous with `.into_async()`, of `ContextManagerExt`, or enter it in the function, with `with!(… as name => {{ … }})`, or implement `AsyncContextManager` for `{Self}`"
)]
pub trait EnteredInFunction {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is an asynchronous context manager and cannot be entered with `with!`",
    label = "this manager has `AsyncContextManager`, not `ContextManager`",
    note = "use `async_with!(… as name => {{ … }})` in an async function, or implement `ContextManager` for `{Self}`"
)]
pub trait EnteredWithoutAwaiting {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an asynchronous context manager",
    label = "this has neither `AsyncContextManager` nor `LocalAsyncContextManager`",
    note = "implement `AsyncContextManager` for `{Self}`: `async fn enter(&mut self)` and `async fn exit(self, value, outcome)`; or `LocalAsyncContextManager`, if it borrows or is not `Send`"
)]
pub trait AsyncManager {}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context manager",
    label = "this does not have `ContextManager`",
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
    use super::{ContextManager, Fits, Foreign, LocalAsyncContextManager, Made, Probe, Swapped};

    pub trait First {
        fn kind(&self) -> Fits {
            Fits
        }
    }
    impl<M: LocalAsyncContextManager> First for &&Probe<M> {}

    // After the first, though with a reference more: the compiler adds one before it takes one away.
    pub trait NotFirst {
        type Kind;
        fn kind(&self) -> Self::Kind;
    }
    impl<M: Made> NotFirst for &&&Probe<M> {
        type Kind = M::Kind;
        fn kind(&self) -> M::Kind {
            M::Kind::default()
        }
    }

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
