//! Other people's test cases, re-expressed: `README.md` beside this file lists every case and the test that has it.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;

mod cpython;
mod list;
mod test262;
