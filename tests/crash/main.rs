//! What is on disk after a process was killed with `kill -9` at a random moment.
//!
//! `KILLS=200 cargo test --test crash -- --nocapture` does it more often.

#![cfg(all(feature = "tokio", feature = "__sqlx", not(target_family = "wasm")))]
#![deny(warnings, clippy::all, clippy::pedantic)]

mod atomic_file;
#[path = "../common/mod.rs"]
mod common;
mod transfers;
