//! `#[scoped]`: `#[enter] let` makes the rest of its block the body, and what happens in it leaves as it would without.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod cancellation;
#[path = "../common/mod.rs"]
mod common;
mod errors;
mod functions;
mod one_block;
mod opt_in_traits;
mod other_blocks;
mod ways_out;
