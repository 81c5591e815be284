//! Managers made of functions and values.

mod context;
mod defer;
mod exit_result;
mod from_fn;
mod ready;

pub use self::context::{Body, ContextFn, Done, context};
pub use self::defer::{Defer, defer};
pub(crate) use self::exit_result::ExitResult;
pub use self::from_fn::{FromFn, from_fn};
pub use self::ready::{Ready, ready};
