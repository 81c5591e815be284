//! Random programs of blocks, run for real and by a model.
//!
//! - [`program`]: what a program is, and how random ones are made.
//! - [`reference`]: the model, which knows the documentation and not the library.
//! - [`run`]: the managers of real runs, their clock, and the harness that cuts a run or makes it panic.
//! - [`interpret`]: runs a program through the macros, in a few functions that have a block each.


#![deny(warnings, clippy::all, clippy::pedantic)]


pub mod interpret;
pub mod program;
pub mod reference;
pub mod run;
