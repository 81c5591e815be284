//! What is closed at the end of a block: streams and writers.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use async_with::managers::closing;
use async_with::{Outcome, async_with, defer, settle};
use futures::StreamExt;
use tokio::io::AsyncWrite;

use super::generator;
use crate::common::log::Log;
use crate::common::trace::yield_once;

/// Writes down how often it is shut down, which fails after as many suspensions as it is told.
struct Writer {
    log: Log,
    fails_after: Option<u8>,
}

impl AsyncWrite for Writer {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.fails_after {
            Some(0) => {
                self.log.add("shut down");
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            Some(left) => {
                *left -= 1;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.log.add("shut down");
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// 86. built-ins/AsyncIteratorPrototype/Symbol.asyncDispose/invokes-return.
#[tokio::test]
async fn a_writer_is_shut_down_once() {
    let log = Log::default();
    let writer = Writer { log: log.clone(), fails_after: None };
    async_with!(closing(writer) => { log.add("body") }).unwrap();
    log.expect(&["body", "shut down"]);
}

/// 86. …/throw-return, …/throw-rejected-return.
#[tokio::test]
async fn a_writer_that_cannot_be_shut_down_fails_the_block_at_once_or_later() {
    let log = Log::default();
    for suspensions in [0, 2] {
        let writer = Writer { log: log.clone(), fails_after: Some(suspensions) };
        let error = async_with!(closing(writer) => {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        log.expect(&["shut down"]);
    }
}

/// 86. …/invokes-return for a stream: to close one is to drop it, and the exits of the blocks in it are detached.
#[tokio::test]
async fn a_stream_that_is_dropped_half_way_exits_what_it_has_entered() {
    let log = Log::default();
    let mut stream = Box::pin(generator(async |items| {
        async_with!(log.sure("a").waits(1) => {
            items.give(1).await;
            items.give(2).await;
        });
    }));
    assert_eq!(stream.next().await, Some(1));
    drop(stream);
    settle().await;
    log.expect(&["enter a", "a waited 1", "exit a: cancelled", "a waited 1"]);
}

/// 86. …/return-val: what a stream needs awaited at its end is awaited by the block that it is read in.
#[tokio::test]
async fn the_end_of_a_stream_can_be_awaited_by_a_block() {
    let log = Log::default();
    let ends = log.clone();
    let close = move |outcome: Outcome| async move {
        yield_once().await;
        ends.add(format!("closed: {outcome}"));
    };
    let mut stream = pin!(generator(async |items| items.give(1).await));
    async_with!(defer(close) => { assert_eq!(stream.next().await, Some(1)) });
    log.expect(&["closed: completed"]);
}
