//! `AsyncExitStack`, which JavaScript calls `AsyncDisposableStack`: `enter` is its `use`, `push` its `adopt`, `take` its `move`
//! and `close` its `disposeAsync`.

mod close;
mod entries;
mod take;

use std::future::ready;

use async_with::{AsyncExitStack, Outcome};

use crate::common::log::{Failure, Log};

type Stack = AsyncExitStack<Failure>;

/// Writes `name` down when it is called, and ends at once.
fn records_name(log: &Log, name: &'static str) -> impl FnOnce(Outcome) -> std::future::Ready<()> + use<> {
    let log = log.clone();
    move |_outcome| {
        log.add(name);
        ready(())
    }
}

/// What entries of all three kinds do.
fn filled(log: &Log) -> Stack {
    let stack = Stack::new();
    drop(futures::FutureExt::now_or_never(stack.enter(log.unsure("entered"))).unwrap());
    let pushed = log.clone();
    drop(stack.push("pushed", |value, _outcome| async move { pushed.add(value) }));
    stack.defer(records_name(log, "deferred"));
    stack
}
