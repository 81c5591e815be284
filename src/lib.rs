//! stub
pub use async_with_core::{
    AsyncContextManager, ContextManager, Interrupt, LocalAsyncContextManager, LostError, ObserveError, Outcome,
    Suppress, set_lost_error_hook, settle,
};
/// m
#[macro_export]
macro_rules! async_with {
    ($($tokens:tt)*) => { $crate::__private::async_with_impl! { ($crate) $($tokens)* } };
}
/// m
#[macro_export]
macro_rules! with {
    ($($tokens:tt)*) => { $crate::__private::with_impl! { ($crate) $($tokens)* } };
}
// Not public API.
#[doc(hidden)]
pub mod __private {
    pub use async_with_core::__private::*;
    pub use async_with_macros::{async_with_impl, with_impl};
}
