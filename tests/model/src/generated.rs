//! The programs that the build script has written, and what they are.

// Warnings in what the macros expand to would be a fault of theirs.
#![deny(warnings)]

use std::pin::Pin;

#[allow(unused_imports, reason = "few programs may not need all of them")]
use async_with::{AsyncExitStack, async_with, scoped, together, with};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

#[allow(unused_imports, reason = "few programs may not need all of them")]
use crate::managers::Plain;
use crate::program::Program;
use crate::run::{Fault, Run};

/// Starts a program.
pub type Start = for<'a> fn(&'a Run) -> Pin<Box<dyn Future<Output = Result<u32, Fault>> + 'a>>;

mod text {
    #![allow(clippy::all, clippy::pedantic, reason = "random programs are not tidy")]

    #[allow(unused_imports, reason = "few programs may not need all of them")]
    use super::{AsyncExitStack, Fault, Plain, Run, Start, async_with, scoped, together, with};

    include!(concat!(env!("OUT_DIR"), "/generated.rs"));
}

pub use text::SEED;

/// The functions, each with its program.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn programs() -> Vec<(Program, Start)> {
    let config = Config { rng_seed: RngSeed::Fixed(text::SEED), ..Config::default() };
    let (mut runner, strategy) = (TestRunner::new(config), Program::any());
    let mut program = || strategy.new_tree(&mut runner).expect("a strategy without filters").current();
    text::all().into_iter().map(|start| (program(), start)).collect()
}
