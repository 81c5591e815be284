#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
// docs.rs says at each item which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod adapters;
mod background;
mod classify;
mod compound;
mod constructors;
mod expansion;
mod handover;
mod interrupt;
mod locking;
mod lost;
mod manager;
mod nesting;
mod outcome;

#[cfg(feature = "tracing")]
pub use adapters::Traced;
pub use adapters::{
    AsyncContextManagerExt, BoxContextManager, ContextManagerExt, FinishEnter, IntoAsync,
    LocalAsyncContextManagerExt, LocalIntoAsync, LocalMapErr, MapErr,
};
#[cfg(feature = "tokio")]
pub use adapters::{ExitTimeout, ExitTimeoutError};
pub use compound::{AsyncExitStack, Entered, Together, together};
pub use constructors::{Body, ContextFn, Defer, Done, FromFn, Ready, context, defer, from_fn, ready};
pub use handover::settle;
pub use interrupt::Interrupt;
pub use lost::{LostError, set_lost_error_hook};
pub use manager::{AsyncContextManager, ContextManager, LocalAsyncContextManager, ObserveError, Suppress};
pub use outcome::Outcome;

// Not public API: how a manager of several parts reports what it cannot return.
#[doc(hidden)]
pub use lost::Site;

// Not public API: what the expansions of the macros call.
#[doc(hidden)]
pub mod __private {
    pub use crate::expansion::*;
}
