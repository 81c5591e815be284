//! Managers and helpers that the tests share.
#![allow(dead_code, reason = "each test uses some of them")]

pub mod example;
#[cfg(all(feature = "tokio", not(target_family = "wasm")))]
pub mod files;
#[cfg(all(feature = "tokio", not(target_family = "wasm")))]
pub mod kills;
pub mod log;
pub mod part;
pub mod trace;
pub mod ways;

use std::convert::Infallible;

use async_with::{AsyncContextManager, Outcome};

/// Cannot fail.
#[derive(Debug)]
pub struct Plain;

impl AsyncContextManager for Plain {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Could fail, and does not.
pub struct Fallible;

impl AsyncContextManager for Fallible {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        Ok(())
    }
}
