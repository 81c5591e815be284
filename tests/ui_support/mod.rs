//! The managers that the ui tests use, so that each shows only its mistake.
#![allow(dead_code)]

use std::convert::Infallible;
use std::io;

use async_with::{AsyncContextManager, ContextManager, LocalAsyncContextManager, Outcome};

/// Asynchronous, infallible, lends a `String`.
pub struct Session;

impl AsyncContextManager for Session {
    type Value = String;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<String, Infallible> {
        Ok(String::from("session"))
    }

    async fn exit(self, _value: String, _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Asynchronous, fails with an `io::Error`.
pub struct Connection;

impl AsyncContextManager for Connection {
    type Value = u32;
    type Error = io::Error;

    async fn enter(&mut self) -> Result<u32, io::Error> {
        Ok(1)
    }

    async fn exit(self, _value: u32, _outcome: Outcome) -> Result<(), io::Error> {
        Ok(())
    }
}

/// Asynchronous, fails with an error of its own.
pub struct Lease;

#[derive(Debug)]
pub struct LeaseLost;

impl AsyncContextManager for Lease {
    type Value = u32;
    type Error = LeaseLost;

    async fn enter(&mut self) -> Result<u32, LeaseLost> {
        Ok(1)
    }

    async fn exit(self, _value: u32, _outcome: Outcome) -> Result<(), LeaseLost> {
        Ok(())
    }
}

/// Asynchronous, confined to its thread.
pub struct Local(pub std::rc::Rc<()>);

impl LocalAsyncContextManager for Local {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Synchronous, infallible, lends a `String`.
pub struct Indent;

impl ContextManager for Indent {
    type Value = String;
    type Error = Infallible;

    fn enter(&mut self) -> Result<String, Infallible> {
        Ok(String::from("    "))
    }

    fn exit(self, _value: String, _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}
