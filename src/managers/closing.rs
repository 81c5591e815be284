//! Writers that are flushed and shut down.

use std::io;

use async_with_core::{AsyncContextManager, Outcome};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// Flushes and shuts down a writer on every way out of the block.
///
/// The value is the writer itself. A writer that buffers, as [`tokio::io::BufWriter`] does, loses what it holds when it is
/// merely dropped ([tokio#2484](https://github.com/tokio-rs/tokio/issues/2484)); a connection that is not shut down looks
/// broken to its peer. A body that fails is no different: this closes a writer, it does not commit anything. To keep a
/// half-written file from being seen, use [`AtomicFile`](super::AtomicFile).
///
/// The writer is moved in, so that it can be closed even after the future that holds the block has been dropped. One that is
/// not `Unpin` goes in as [`Box::pin`] makes it. A [`tokio::fs::File`] is handed to the operating system, not synced to disk.
///
/// # Errors
///
/// What flushing fails with. The writer is shut down in any case; if only that fails, it is the error.
///
/// # Cancel safety
///
/// Entering does not await. The exit runs to its end, detached if the future is dropped.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::closing;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (near, mut far) = tokio::io::duplex(64);
/// async_with!(closing(BufWriter::new(near)) as writer => {
///     writer.write_all(b"all of it").await
/// })??;
///
/// let mut received = String::new();
/// far.read_to_string(&mut received).await?;       // ends, because the writer has been shut down
/// assert_eq!(received, "all of it");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub fn closing<W>(writer: W) -> Closing<W>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    Closing { writer: Some(writer) }
}

/// A writer that is closed at the end of the block: see [`closing`].
///
/// # Examples
///
/// ```
/// use async_with::managers::{Closing, closing};
/// use tokio::io::{BufWriter, DuplexStream};
///
/// fn buffered(stream: DuplexStream) -> Closing<BufWriter<DuplexStream>> {
///     closing(BufWriter::new(stream))
/// }
/// ```
#[derive(Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Closing<W> {
    /// There until it is lent to the block.
    writer: Option<W>,
}

impl<W> AsyncContextManager for Closing<W>
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Value = W;
    type Error = io::Error;

    async fn enter(&mut self) -> io::Result<W> {
        let entered_twice =
            || io::Error::new(io::ErrorKind::InvalidInput, "this writer has been entered before");
        self.writer.take().ok_or_else(entered_twice)
    }

    async fn exit(self, mut writer: W, _outcome: Outcome) -> io::Result<()> {
        let flushed = writer.flush().await;
        let shut_down = writer.shutdown().await;
        flushed.and(shut_down)
    }
}
