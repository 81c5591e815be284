use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use crate::expansion::scope::Payload;
use crate::locking::lock;

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
    watch: Option<Pin<Box<dyn Watch<E> + Send>>>,
}

/// What goes on beside a body.
trait Watch<E> {
    fn poll_interrupt(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<E>;

    /// Runs a poll of the body.
    fn around(&self, body: &mut dyn FnMut()) {
        body();
    }
}

impl<F: Future> Watch<F::Output> for F {
    fn poll_interrupt(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.poll(cx)
    }
}

impl<E> Interrupt<E> {
    /// An interrupt that never comes, which costs nothing.
    #[inline]
    pub fn never() -> Self {
        Self { watch: None }
    }

    /// An interrupt that comes when `future` resolves, and carries the error it resolves to.
    ///
    /// The future must not borrow the manager or its value: clone what it needs into it.
    ///
    /// # Panics
    ///
    /// A panic of the future counts as a panic of the body.
    pub fn when(future: impl Future<Output = E> + Send + 'static) -> Self {
        Self { watch: Some(Box::pin(future)) }
    }

    #[inline]
    pub(crate) fn is_never(&self) -> bool {
        self.watch.is_none()
    }

    fn watching(watch: impl Watch<E> + Send + 'static) -> Self {
        Self { watch: Some(Box::pin(watch)) }
    }

    /// That of a manager which panicked when it was asked: so does the body, before it begins.
    pub(crate) fn panicking(payload: Payload) -> Self {
        Self::watching(Panicking(Mutex::new(Some(payload))))
    }

    /// Drops it.
    #[inline]
    pub(crate) fn clear(&mut self) -> Result<(), Payload> {
        let Some(watch) = self.watch.take() else { return Ok(()) };
        catch_unwind(AssertUnwindSafe(|| drop(watch)))
    }

    pub(crate) fn map<F, O>(self, convert: F) -> Interrupt<O>
    where
        E: 'static,
        F: Fn(E) -> O + Send + 'static,
    {
        if self.is_never() {
            Interrupt::never()
        } else {
            Interrupt::watching(Mapped { inner: self, convert })
        }
    }

    /// The first of several.
    pub(crate) fn any(interrupts: impl IntoIterator<Item = Self>) -> Self
    where
        E: 'static,
    {
        let mut some: Vec<_> = interrupts.into_iter().filter(|interrupt| !interrupt.is_never()).collect();
        match some.len() {
            0 => Self::never(),
            1 => some.remove(0),
            _ => Self::watching(Any(some)),
        }
    }

    /// With the body in a span.
    #[cfg(feature = "tracing")]
    pub(crate) fn in_span(self, span: tracing::Span) -> Self
    where
        E: 'static,
    {
        Self::watching(InSpan { inner: self, span })
    }

    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<E> {
        match &mut self.watch {
            Some(watch) => watch.as_mut().poll_interrupt(cx),
            None => Poll::Pending,
        }
    }

    #[inline]
    pub(crate) fn around<T>(&self, body: impl FnOnce() -> T) -> T {
        let Some(watch) = &self.watch else { return body() };
        let (mut body, mut result) = (Some(body), None);
        watch.around(&mut || result = body.take().map(|body| body()));
        result.expect("a body is polled")
    }
}

struct Panicking(Mutex<Option<Payload>>);

impl<E> Watch<E> for Panicking {
    fn poll_interrupt(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<E> {
        Poll::Pending
    }

    fn around(&self, body: &mut dyn FnMut()) {
        let payload = lock(&self.0).take();
        payload.map_or_else(body, |payload| resume_unwind(payload));
    }
}

struct Mapped<E, F> {
    inner: Interrupt<E>,
    convert: F,
}

/// The function is not pinned.
impl<E, F> Unpin for Mapped<E, F> {}

impl<E, F: Fn(E) -> O, O> Watch<O> for Mapped<E, F> {
    fn poll_interrupt(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        self.inner.poll(cx).map(&self.convert)
    }

    fn around(&self, body: &mut dyn FnMut()) {
        self.inner.around(body);
    }
}

/// Polls them in order, until one comes.
pub(crate) fn poll_any<E>(interrupts: &mut [Interrupt<E>], cx: &mut Context<'_>) -> Poll<E> {
    let ready = interrupts.iter_mut().map(|interrupt| interrupt.poll(cx)).find(Poll::is_ready);
    ready.unwrap_or(Poll::Pending)
}

struct Any<E>(Vec<Interrupt<E>>);

impl<E> Watch<E> for Any<E> {
    fn poll_interrupt(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<E> {
        poll_any(&mut self.0, cx)
    }

    fn around(&self, body: &mut dyn FnMut()) {
        fn inside<E>(interrupts: &[Interrupt<E>], body: &mut dyn FnMut()) {
            match interrupts {
                [outer, inner @ ..] => outer.around(|| inside(inner, body)),
                [] => body(),
            }
        }
        inside(&self.0, body);
    }
}

#[cfg(feature = "tracing")]
struct InSpan<E> {
    inner: Interrupt<E>,
    span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl<E> Watch<E> for InSpan<E> {
    fn poll_interrupt(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<E> {
        self.inner.poll(cx)
    }

    fn around(&self, body: &mut dyn FnMut()) {
        self.span.in_scope(|| self.inner.around(body));
    }
}

impl<E> fmt::Debug for Interrupt<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.watch.is_some() { "Interrupt::when(..)" } else { "Interrupt::never()" })
    }
}
