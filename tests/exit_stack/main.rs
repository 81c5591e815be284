//! `AsyncExitStack`: standalone and in a block, on every way out, and what its handles and its size may not do.
//!
//! Interrupts are told to all parts of a stack, and to the interrupted one alone in nested blocks: see the documentation of
//! `AsyncExitStack`. What nested blocks and stacks have in common is compared in `exit_stack_properties`.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod handles;
mod in_a_block;
mod many;
mod nested;
mod standalone;
mod take;

use std::future::Future;

use async_with::{AsyncExitStack, async_with};

use crate::common::part::{Fault, Leave, Part, Plan, Run};

type Stack = AsyncExitStack<Fault>;

/// A stack in a block into which all parts are entered.
async fn stack_block(
    parts: Vec<Part>,
    inner: impl Future<Output = Result<Leave, Fault>>,
) -> Result<Leave, Fault> {
    let (mut left, mut parts, mut inner) = (Leave::AtTheEnd, parts.into_iter(), Some(inner));
    for stack in [Stack::new()] {
        async_with!(stack as stack => {
            let mut handles = Vec::new();
            for part in parts.by_ref() {
                handles.push(stack.enter(part).await?);
            }
            left = inner.take().unwrap().await?;
            assert!(handles.iter().zip('A'..).all(|(handle, name)| **handle == name.to_string()));
            match left {
                Leave::Return => return Ok(left),
                Leave::Break => break,
                Leave::Continue => continue,
                _ => {}
            }
        })?;
    }
    Ok(left)
}

/// The same without a block.
async fn closed_stack(
    parts: Vec<Part>,
    inner: impl Future<Output = Result<Leave, Fault>>,
) -> Result<Leave, Fault> {
    let stack = Stack::new();
    let mut handles = Vec::new();
    for part in parts {
        handles.push(stack.enter(part).await?);
    }
    let left = inner.await?;
    drop(handles);
    stack.close().await?;
    Ok(left)
}

fn three(run: &Run) -> Vec<Part> {
    run.parts(&[Plan::ok(); 3])
}
