//! A child's handle, and how a child can fail.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinError};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The handle of a child of a [`TaskGroup`](super::TaskGroup), which resolves to the child's value.
///
/// While the block runs, it resolves for a child that succeeded, and for one that was [aborted](Self::abort) by itself. The
/// handle of a child that failed, panicked or was aborted with its group resolves when the group is over, to
/// [`NoOutput`]: the body is about to be interrupted, and the block reports what happened.
///
/// Dropping the handle has no effect on the child.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{NoOutput, TaskGroup};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut endless = None;
/// let block = async_with!(TaskGroup::new() as group => {
///     endless = Some(group.spawn(async { std::future::pending::<Result<u32, _>>().await }));
///     group.spawn(async { Err::<(), _>("the disk is full") }).await
/// });
/// assert!(block.is_err());
/// assert_eq!(endless.unwrap().await, Err(NoOutput::Ended));
/// # }
/// ```
#[derive(Debug)]
pub struct Child<T> {
    state: State<T>,
    abort: Option<AbortHandle>,
    aborted: AtomicBool,
    over: CancellationToken,
}

#[derive(Debug)]
enum State<T> {
    Running(oneshot::Receiver<T>),
    Ended(Pin<Box<WaitForCancellationFutureOwned>>),
}

impl<T> Child<T> {
    pub(super) fn new(
        output: oneshot::Receiver<T>,
        abort: Option<AbortHandle>,
        over: CancellationToken,
    ) -> Self {
        Self { state: State::Running(output), abort, aborted: AtomicBool::new(false), over }
    }

    /// Aborts this child alone, as [`JoinHandle::abort`](tokio::task::JoinHandle::abort) does.
    ///
    /// It is no failure: the other children and the body go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::async_with;
    /// use async_with::managers::{NoOutput, TaskGroup};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let block = async_with!(TaskGroup::<std::io::Error>::new() as group => {
    ///     let ticker = group.spawn(async { std::future::pending::<Result<(), _>>().await });
    ///     ticker.abort();
    ///     assert_eq!(ticker.await, Err(NoOutput::Aborted));
    /// });
    /// assert!(block.is_ok());
    /// # }
    /// ```
    pub fn abort(&self) {
        if let Some(abort) = &self.abort {
            self.aborted.store(true, Ordering::Relaxed);
            abort.abort();
        }
    }
}

impl<T> Future for Child<T> {
    type Output = Result<T, NoOutput>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.state {
                State::Running(output) => match ready!(Pin::new(output).poll(cx)) {
                    Ok(value) => return Poll::Ready(Ok(value)),
                    Err(_) if self.aborted.load(Ordering::Relaxed) => {
                        return Poll::Ready(Err(NoOutput::Aborted));
                    }
                    Err(_) => self.state = State::Ended(Box::pin(self.over.clone().cancelled_owned())),
                },
                State::Ended(over) => {
                    ready!(over.as_mut().poll(cx));
                    let started = self.abort.is_some();
                    return Poll::Ready(Err(if started { NoOutput::Ended } else { NoOutput::Refused }));
                }
            }
        }
    }
}

/// Why a [`Child`] has no value.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{NoOutput, TaskGroup};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let block = async_with!(TaskGroup::<std::io::Error>::new() as group => { group.clone() });
/// let too_late = block.unwrap().spawn(async { Ok(5) });
/// assert_eq!(too_late.await, Err(NoOutput::Refused));
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoOutput {
    /// It was never started, because the group had failed or was over.
    Refused,
    /// It was aborted by [`Child::abort`].
    Aborted,
    /// It failed, panicked, or was aborted with its group.
    Ended,
}

impl fmt::Display for NoOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the child was not started: its task group had failed or was over",
            Self::Aborted => "the child was aborted",
            Self::Ended => "the child failed, panicked, or was aborted with its task group",
        })
    }
}

impl Error for NoOutput {}

/// How a child of a [`TaskGroup`](super::TaskGroup) failed.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{ChildError, TaskGroup};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let block = async_with!(TaskGroup::<std::io::Error>::new() as group => {
///     group.spawn(async { Ok("one".parse::<u32>().expect("a number")) });
/// });
/// match block {
///     Ok(()) => unreachable!(),
///     Err(ChildError::Failed(error)) => println!("a child failed: {error}"),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ChildError<E> {
    /// It gave an `Err`.
    Failed(E),
    /// It panicked; [`JoinError::into_panic`] has the payload.
    Panicked(JoinError),
}

impl<E> ChildError<E> {
    /// The child's own error, or the panic as one.
    ///
    /// It makes the block give what the children give, so that `?` on the block does what it does on a child. That is also the
    /// way for errors that are not [`Error`] themselves: `anyhow::Error`, `Box<dyn Error + Send + Sync>`.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::managers::{ChildError, TaskGroup};
    /// use async_with::{AsyncContextManagerExt, async_with};
    ///
    /// async fn sum(numbers: Vec<&'static str>) -> anyhow::Result<u32> {
    ///     let group = TaskGroup::<anyhow::Error>::new().map_err(ChildError::flatten);
    ///     let sum = async_with!(group as group => {
    ///         let parse = |number: &'static str| group.spawn(async move { Ok(number.parse::<u32>()?) });
    ///         let mut sum = 0;
    ///         for number in numbers.into_iter().map(parse).collect::<Vec<_>>() {
    ///             sum += number.await?;
    ///         }
    ///         sum
    ///     })?;
    ///     Ok(sum)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(sum(vec!["1", "2"]).await.unwrap(), 3);
    /// assert!(sum(vec!["1", "two"]).await.unwrap_err().is::<std::num::ParseIntError>());
    /// # }
    /// ```
    #[must_use]
    pub fn flatten(self) -> E
    where
        E: From<JoinError>,
    {
        match self {
            Self::Failed(error) => error,
            Self::Panicked(error) => error.into(),
        }
    }
}

impl<E> fmt::Display for ChildError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed(_) => "a child of the task group failed",
            Self::Panicked(_) => "a child of the task group panicked",
        })
    }
}

impl<E: Error + 'static> Error for ChildError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            Self::Panicked(error) => Some(error),
        }
    }
}
