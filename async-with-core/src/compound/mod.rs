//! Managers that consist of others.

mod entry;
mod exit_stack;
mod optional;
mod parts;
mod sequence;
mod together;
mod tuple;

pub use self::entry::Entered;
pub use self::exit_stack::AsyncExitStack;
pub use self::together::{Together, together};

/// Why a tuple or an array cannot be entered through a reference: those before a failed one could not be exited.
const MUST_OWN: &str = "a tuple or array of context managers must be owned while it is entered: let `async_with!`, an exit stack or an \
adapter such as `.boxed()` enter it";
