use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A manager's means to stop its own body.
///
/// When the future inside resolves to an error, the body is dropped at its current await, `exit` is awaited and
/// told [`Outcome::Interrupted`](crate::Outcome::Interrupted), and the block's value is that error.
///
/// The body is polled before the interrupt, so a body that is ready is never interrupted.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncContextManager, Interrupt, Outcome};
///
/// struct Until(Option<tokio::sync::oneshot::Receiver<()>>);
///
/// impl AsyncContextManager for Until {
///     type Value = tokio::sync::oneshot::Receiver<()>;
///     type Error = &'static str;
///
///     async fn enter(&mut self) -> Result<Self::Value, Self::Error> {
///         self.0.take().ok_or("entered twice")
///     }
///
///     async fn exit(self, _value: Self::Value, _outcome: Outcome) -> Result<(), Self::Error> {
///         Ok(())
///     }
///
///     fn interrupt(&self, _value: &Self::Value) -> Interrupt<Self::Error> {
///         Interrupt::when(async {
///             tokio::task::yield_now().await;
///             "stopped by the manager"
///         })
///     }
/// }
/// ```
#[must_use = "an interrupt does nothing unless a manager returns it"]
pub struct Interrupt<E> {
    future: Option<Pin<Box<dyn Future<Output = E> + Send>>>,
}

impl<E> Interrupt<E> {
    /// An interrupt that never comes, which costs nothing.
    pub fn never() -> Self {
        Self { future: None }
    }

    /// An interrupt that comes when `future` resolves, and carries the error it resolves to.
    ///
    /// The future must not borrow the manager or its value: clone what it needs into it.
    ///
    /// # Panics
    ///
    /// A panic of the future counts as a panic of the body.
    pub fn when(future: impl Future<Output = E> + Send + 'static) -> Self {
        Self { future: Some(Box::pin(future)) }
    }

    pub(crate) fn map<F, O>(self, convert: F) -> Interrupt<O>
    where
        E: 'static,
        F: FnOnce(E) -> O + Send + 'static,
    {
        match self.future {
            Some(future) => Interrupt::when(async move { convert(future.await) }),
            None => Interrupt::never(),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<E> {
        match &mut self.future {
            Some(future) => future.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<E> fmt::Debug for Interrupt<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.future.is_some() { "Interrupt::when(..)" } else { "Interrupt::never()" })
    }
}
