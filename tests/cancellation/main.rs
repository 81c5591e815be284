//! What becomes of a block whose future is dropped.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod local;
mod lost;
mod nested;
mod one_block;
mod runtimes;

use std::future::pending;

use async_with::async_with;

use crate::common::trace::{Trace, Traced};

/// A block over `A` whose body does not end.
async fn endless(manager: Traced, trace: Trace) -> Result<(), &'static str> {
    async_with!(manager => {
        trace.step("body").await;
        pending().await
    })
}
