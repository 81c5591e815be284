use std::borrow::Cow;
use std::fmt::Debug;
use std::future::Future;
use std::time::Instant;

use tracing::{Instrument, Span, field, info_span};

use super::inner::{Inner, pass_on};
use crate::{AsyncContextManager, Interrupt, Outcome};

/// A manager whose blocks are in `tracing` spans: see
/// [`AsyncContextManagerExt::traced`](crate::AsyncContextManagerExt::traced).
#[derive(Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Traced<M> {
    inner: Inner<M>,
    name: Cow<'static, str>,
    block: Option<Block>,
}

/// A block that has begun.
#[derive(Debug)]
struct Block {
    whole: Timed,
    body: Timed,
}

/// A span with its duration.
#[derive(Debug)]
struct Timed {
    span: Span,
    begin: Instant,
}

impl Timed {
    fn new(span: Span) -> Self {
        Self { span, begin: Instant::now() }
    }

    fn end(self) {
        let elapsed = u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.span.record("elapsed_us", elapsed);
    }

    /// Awaits a step in the span, and records how it went.
    async fn around<T, E: Debug>(self, step: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let result = step.instrument(self.span.clone()).await;
        if let Err(error) = &result {
            self.span.record("error", field::debug(error));
        }
        self.end();
        result
    }
}

impl<M> Traced<M> {
    #[track_caller]
    pub(super) fn new(manager: M, name: Cow<'static, str>) -> Self {
        Self { inner: Inner::new(manager), name, block: None }
    }
}

impl<M: AsyncContextManager> AsyncContextManager for Traced<M> {
    type Value = M::Value;
    type Error = M::Error;

    async fn enter(&mut self) -> Result<M::Value, M::Error> {
        let name = &*self.name;
        let whole = info_span!("context_manager", name, outcome = field::Empty, elapsed_us = field::Empty);
        let whole = Timed::new(whole);
        let enter = info_span!(parent: &whole.span, "enter", error = field::Empty, elapsed_us = field::Empty);
        match Timed::new(enter).around(self.inner.enter()).await {
            Ok(value) => {
                let body = Timed::new(info_span!(parent: &whole.span, "body", elapsed_us = field::Empty));
                self.block = Some(Block { whole, body });
                Ok(value)
            }
            Err(error) => {
                whole.end();
                Err(error)
            }
        }
    }

    async fn exit(self, value: M::Value, outcome: Outcome) -> Result<(), M::Error> {
        let Some(Block { whole, body }) = self.block else {
            return self.inner.leave(value, outcome).await;
        };
        body.end();
        whole.span.record("outcome", field::display(outcome));
        let exit = info_span!(
            parent: &whole.span,
            "exit",
            %outcome,
            error = field::Empty,
            elapsed_us = field::Empty
        );
        let exited = Timed::new(exit).around(self.inner.leave(value, outcome)).await;
        whole.end();
        exited
    }

    fn interrupt(&self, value: &M::Value) -> Interrupt<M::Error> {
        let interrupt = self.inner.interrupt(value);
        match &self.block {
            Some(block) => interrupt.in_span(block.body.span.clone()),
            None => interrupt,
        }
    }
}

pass_on!(Traced<M>);
