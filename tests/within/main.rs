//! `#[within]`: the body of a function is the block, and what happens in it is what the function returns.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod as_in_python;
mod bodies;
mod cancellation;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod items;
mod methods;
mod opt_in_traits;
mod signatures;
mod ways_out;
