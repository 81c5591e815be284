//! What the expansions of the macros call. It is public only for them.

#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "reached only through `__private`"
)]

pub(crate) mod ending;
pub(crate) mod probe;
pub(crate) mod scope;
pub(crate) mod stop;

pub use self::ending::{Ending, Flow, Product};
pub use self::probe::{Hint, Passes, edge, fallible, kind, observe, policy, probe, sync_kind};
pub use self::stop::{Jump, complete, jump};
pub use core::convert::{Infallible, identity};
pub use core::option::Option::{None, Some};
pub use core::pin::pin;
pub use core::result::Result::{Err, Ok};
pub use core::unreachable;
