//! CPython: `async with`, `contextlib`, `asyncio.timeout` and `asyncio.TaskGroup`.
//!
//! Two things differ throughout; the tests say so where it shows. When body and exit both fail, CPython lets the exit's
//! exception out, with that of the body as its context; here the body's failure leaves and the exit's error goes to the
//! lost-error hook. And CPython gives the exception to the exit, which swallows it by what it returns; here exit is told an
//! `Outcome`, `ObserveError` shows the error, and `Suppress` decides, which the type of the block then shows.

mod adapters;
mod bindings;
mod cancellation;
mod decorators;
mod enter_exit_order;
mod errors;
mod exit_stack;
mod exit_stack_life;
mod generators;
mod timeouts;
mod told;
mod ways_out;

use std::convert::Infallible;
use std::error::Error;
use std::future::ready;

use async_with::{AsyncContextManager, ObserveError, Outcome, Suppress, async_with};
use futures::channel::mpsc;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, SinkExt, StreamExt};

use crate::common::log::{Failure, Log, LostErrors};

/// Records the error that leaves its body, as a manager in CPython keeps the arguments of its exit: `a sees …`.
#[derive(Clone)]
struct Observer {
    log: Log,
    name: &'static str,
}

impl Observer {
    fn new(log: &Log, name: &'static str) -> Self {
        Self { log: log.clone(), name }
    }
}

impl AsyncContextManager for Observer {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        self.log.add(format!("enter {}", self.name));
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.log.add(format!("exit {}: {outcome}", self.name));
        Ok(())
    }
}

impl ObserveError for Observer {
    fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
        self.log.add(format!("{} sees {error:?}", self.name));
    }
}

/// Swallows the errors that it is meant for, as `contextlib.suppress` does.
#[derive(Clone)]
struct Swallow {
    observer: Observer,
    is_meant: fn(&(dyn Error + 'static)) -> bool,
    swallows: bool,
}

impl Swallow {
    fn new(log: &Log, name: &'static str, is_meant: fn(&(dyn Error + 'static)) -> bool) -> Self {
        Self { observer: Observer::new(log, name), is_meant, swallows: false }
    }

    fn all(log: &Log, name: &'static str) -> Self {
        Self::new(log, name, |_error| true)
    }
}

impl AsyncContextManager for Swallow {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        AsyncContextManager::enter(&mut self.observer).await
    }

    async fn exit(self, value: (), outcome: Outcome) -> Result<(), Infallible> {
        AsyncContextManager::exit(self.observer, value, outcome).await
    }
}

impl ObserveError for Swallow {
    fn observe(&mut self, value: &mut (), error: &(dyn Error + 'static)) {
        self.observer.observe(value, error);
        self.swallows = (self.is_meant)(error);
    }
}

impl Suppress for Swallow {
    fn suppress(&mut self, _value: &mut (), _outcome: Outcome) -> bool {
        self.swallows
    }
}

/// Checks which errors of exits were lost, in order.
#[track_caller]
fn expect_lost(lost: &LostErrors, errors: &[&'static str]) {
    let expected: Vec<_> = errors.iter().map(|error| format!("{:?}", Failure(error))).collect();
    assert_eq!(lost.texts(), expected);
}

/// What a generator that yields 12 and 13 in a block is here: a stream, whose producer runs while somebody waits for an item.
fn generator(log: &Log) -> BoxStream<'static, u32> {
    let (mut sender, receiver) = mpsc::channel(0);
    let log = log.clone();
    let producer = async move {
        async_with!(log.sure("a") => {
            for number in [12, 13] {
                sender.send(number).await.expect("the receiver lives as long as this");
                log.add(format!("resumed after {number}"));
            }
        });
    };
    stream::select(receiver, producer.into_stream().filter_map(|()| ready(None))).boxed()
}
