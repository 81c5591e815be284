use std::fmt::{self, Debug};
use std::future::Future;

use super::exit_result::ExitResult;
use crate::{AsyncContextManager, Outcome};

/// A manager made of two functions.
///
/// The future of `enter` gives a `Result` with the value; that of `exit`, which is called with the value and told how
/// the body ended, gives `()` or a `Result<(), E>` with the same error.
///
/// # Examples
///
/// ```
/// use async_with::{async_with, from_fn};
/// use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
///
/// fn greeting(mut stream: DuplexStream) -> impl async_with::AsyncContextManager<Value = DuplexStream, Error = std::io::Error> {
///     from_fn(
///         || async move {
///             stream.write_all(b"hello, ").await?;
///             Ok(stream)
///         },
///         |mut stream, _outcome| async move { stream.write_all(b"bye").await },
///     )
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (ours, theirs) = duplex(64);
/// async_with!(greeting(ours) as stream => stream.write_all(b"well, ").await?)?;
/// assert_eq!(tokio::io::AsyncReadExt::read_to_string(&mut { theirs }, &mut String::new()).await?, 16);
/// # Ok::<_, std::io::Error>(())
/// # }).unwrap();
/// ```
pub fn from_fn<F, N, V, E, G, X>(enter: F, exit: G) -> FromFn<F, G>
where
    F: FnOnce() -> N + Send + 'static,
    N: Future<Output = Result<V, E>> + Send,
    V: Send + 'static,
    E: Debug + Send + 'static,
    G: FnOnce(V, Outcome) -> X + Send + 'static,
    X: Future<Output: ExitResult<E>> + Send,
{
    FromFn { enter: Some(enter), exit }
}

/// A manager made of two functions: see [`from_fn`].
#[derive(Clone)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct FromFn<F, G> {
    enter: Option<F>,
    exit: G,
}

impl<F, N, V, E, G, X> AsyncContextManager for FromFn<F, G>
where
    F: FnOnce() -> N + Send + 'static,
    N: Future<Output = Result<V, E>> + Send,
    V: Send + 'static,
    E: Debug + Send + 'static,
    G: FnOnce(V, Outcome) -> X + Send + 'static,
    X: Future<Output: ExitResult<E>> + Send,
{
    type Value = V;
    type Error = E;

    async fn enter(&mut self) -> Result<V, E> {
        let enter = self.enter.take().expect(crate::manager::ENTERED_ONCE);
        enter().await
    }

    async fn exit(self, value: V, outcome: Outcome) -> Result<(), E> {
        (self.exit)(value, outcome).await.into_exit_result()
    }
}

impl<F, G> Debug for FromFn<F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}
