//! A writer is flushed and shut down on every way out.

#![cfg(feature = "tokio")]
#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::cell::Cell;
use std::fs;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use async_with::managers::closing;
use async_with::{AsyncContextManager, async_with, settle};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};

use crate::common::files::{FAILURES, SUCCESSES, cut_after, leave, run};
use crate::common::trace::{Trace, losses, yield_once};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const TEXT: &str = "in the buffer, where it would be lost";

async fn send<W: AsyncWrite + Unpin + Send + 'static>(writer: W, way: &'static str, trace: Trace) -> Result {
    let mut writer = Some(writer);
    while let Some(writer) = writer.take() {
        async_with!(closing(BufWriter::new(writer)) as writer => {
            writer.write_all(TEXT.as_bytes()).await?;
            match way {
                "returned" => return Ok(()),
                "broke" => break,
                "continued" => continue,
                way => leave(way, &trace).await?,
            }
        })?;
    }
    Ok(())
}

/// Reads what comes until it ends, which it does not unless the writer has been shut down.
async fn received(mut reader: impl AsyncRead + Unpin) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    text
}

fn all_ways() -> impl Iterator<Item = &'static str> {
    SUCCESSES.into_iter().chain(FAILURES)
}

/// Counts how often it is shut down, and keeps its pipe open when it is dropped: only a shutdown ends what a peer reads.
struct Counted {
    pipe: Arc<tokio::sync::Mutex<DuplexStream>>,
    shut_down: Arc<AtomicUsize>,
}

impl Counted {
    fn pipe<T>(&self, what: impl FnOnce(Pin<&mut DuplexStream>) -> T) -> T {
        what(Pin::new(&mut self.pipe.try_lock().unwrap()))
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.pipe(|pipe| pipe.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe(|pipe| pipe.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = ready!(self.pipe(|pipe| pipe.poll_shutdown(cx)));
        self.shut_down.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(done)
    }
}

#[tokio::test]
async fn the_peer_has_all_of_it_and_one_end_on_every_way_out() {
    for way in all_ways() {
        let ((near, far), trace) = (duplex(1024), Trace::new());
        let (pipe, shut_down) = (Arc::new(tokio::sync::Mutex::new(near)), Arc::default());
        let writer = Counted { pipe: Arc::clone(&pipe), shut_down: Arc::clone(&shut_down) };
        let ended = run(way, &trace, send(writer, way, trace.clone())).await;
        assert_eq!(matches!(ended, Ok(Ok(()))), SUCCESSES.contains(&way), "{way}: {ended:?}");
        assert_eq!(received(far).await, TEXT, "{way}");
        assert_eq!(shut_down.load(Ordering::Relaxed), 1, "{way}");
        drop(pipe);
    }
}

// tokio#2484.
#[tokio::test]
async fn a_file_behind_a_buffer_has_all_of_it_on_every_way_out() {
    let folder = tempfile::tempdir().unwrap();
    for way in all_ways() {
        let (path, trace) = (folder.path().join(way), Trace::new());
        let file = File::create(&path).await.unwrap();
        let _ = run(way, &trace, send(file, way, trace.clone())).await;
        assert_eq!(fs::read_to_string(path).unwrap(), TEXT, "{way}");
    }
}

#[tokio::test]
async fn a_connection_is_shut_down_on_every_way_out() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for way in all_ways() {
        let trace = Trace::new();
        let near = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
        let (far, _) = server.accept().await.unwrap();
        let _ = run(way, &trace, send(near, way, trace.clone())).await;
        assert_eq!(received(far).await, TEXT, "{way}");
    }
}

#[tokio::test]
async fn dropped_at_every_poll_the_peer_has_what_was_written_and_the_end() {
    let mut seen = Vec::new();
    for polls in 1.. {
        // So small that flushing takes several polls.
        let (near, far) = duplex(4);
        let written = Cell::new("");
        let peer = tokio::spawn(received(far));
        let whole = cut_after(polls, async {
            async_with!(closing(BufWriter::new(near)) as writer => {
                yield_once().await;
                writer.write_all(b"part one").await.unwrap();
                written.set("part one");
                yield_once().await;
                writer.write_all(b" and two").await.unwrap();
                written.set("part one and two");
            })
        })
        .await;
        settle().await;
        let text = peer.await.unwrap();
        assert_eq!(text, written.get(), "dropped after {polls} polls");
        seen.push(text);
        if let Some(ended) = whole {
            ended.unwrap();
            break;
        }
    }
    assert!(seen.len() > 5, "it was dropped in the exit too: {seen:?}");
    seen.dedup();
    assert_eq!(seen, ["", "part one", "part one and two"]);
}

#[tokio::test]
async fn a_writer_that_the_body_has_shut_down_is_no_error() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    let (far, _) = server.accept().await.unwrap();
    async_with!(closing(BufWriter::new(near)) as writer => {
        writer.write_all(TEXT.as_bytes()).await.unwrap();
        writer.shutdown().await.unwrap();
    })
    .unwrap();
    assert_eq!(received(far).await, TEXT);
}

#[tokio::test]
async fn what_cannot_be_flushed_is_the_error_of_the_block() {
    let (near, far) = duplex(64);
    drop(far);
    let ended = async_with!(closing(BufWriter::new(near)) as writer => { writer.write_all(b"text").await });
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// Fails to flush, and to shut down if it is to, and says what it was asked for.
struct Failing {
    trace: Trace,
    shutdown_fails: bool,
}

impl AsyncWrite for Failing {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.trace.log("flush");
        let fails =
            if self.shutdown_fails { Ok(()) } else { Err(io::Error::other("a writer that does not flush")) };
        Poll::Ready(fails)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.trace.log("shut down");
        Poll::Ready(Err(io::Error::other("a writer that does not shut down")))
    }
}

#[tokio::test]
async fn a_writer_that_does_not_flush_is_shut_down_and_the_first_error_counts() {
    for (shutdown_fails, expected) in
        [(false, "a writer that does not flush"), (true, "a writer that does not shut down")]
    {
        let trace = Trace::new();
        let ended = async_with!(closing(Failing { trace: trace.clone(), shutdown_fails }) => {});
        assert_eq!(ended.unwrap_err().to_string(), expected);
        assert_eq!(trace.events(), ["flush", "shut down"]);
    }
}

#[tokio::test]
async fn after_a_body_that_failed_the_error_goes_to_the_hook() {
    let lost = losses();
    let ended = async_with!(closing(Failing { trace: Trace::new(), shutdown_fails: false }) => {
        Err::<(), _>("the body failed")
    });
    assert_eq!(ended.unwrap(), Err("the body failed"));
    let lost = lost.over("closing::Closing<closing::Failing>");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].error.contains("a writer that does not flush"));
}

#[tokio::test]
async fn entered_by_hand_a_second_time_it_has_nothing_to_give() {
    let (near, _far) = duplex(64);
    let mut manager = closing(near);
    assert!(AsyncContextManager::enter(&mut manager).await.is_ok());
    let again = AsyncContextManager::enter(&mut manager).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn on_another_executor_it_closes_too() {
    let (near, far) = duplex(64);
    let (ended, text) =
        smol::block_on(futures::future::join(send(near, "completed", Trace::new()), received(far)));
    assert_eq!((ended.is_ok(), text.as_str()), (true, TEXT));
}
