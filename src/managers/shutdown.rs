//! The orderly end of a server.

mod error;
#[cfg(any(unix, windows))]
mod signals;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::unconstrained;
use tokio_util::task::AbortOnDropHandle;

pub use self::error::{NotEnded, ShutdownError};
use self::tasks::Shared;
pub use self::tasks::ShutdownHandle;
use crate::{AsyncContextManager, Interrupt, Outcome};

/// A scope for a server, which ends in order and within a time.
///
/// The body works with a [`ShutdownHandle`]: a token that tells all parts of the server to end, and tasks with names. The
/// shutdown begins when the first of these happens:
///
/// - the body ends, in whatever way;
/// - somebody cancels the token;
/// - with [`on_signals`](Self::on_signals), the process is told to end.
///
/// Then the token is cancelled. From that moment the body, if it still runs, and the tasks have the [grace](Self::grace) time
/// to end. What has not ended by then is named in the error: the body is interrupted, and the tasks are aborted. The exit
/// returns when all tasks, and the blocks in them, are gone. It does the same on every way out of the body.
///
/// Meanwhile tasks may still be spawned; after the grace time, no more.
///
/// A task is aborted at an await: one that blocks its thread keeps the exit waiting.
///
/// # Errors
///
/// [`ShutdownError::NotEnded`] names what had to be aborted. [`ShutdownError::Signals`] comes from entering.
///
/// # Panics
///
/// Entering panics outside of a tokio runtime, as [`tokio::spawn`] does. The runtime needs its time driver, and with
/// `on_signals` its I/O driver.
///
/// # Cancel safety
///
/// When the future is dropped, in the body or in the exit, the exit runs on detached, with the grace time.
///
/// # Examples
///
/// A server that ends by SIGTERM or Ctrl-C, and answers what it has begun:
///
/// ```no_run
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::Shutdown;
/// use axum::{Router, routing::get};
/// use tokio::net::TcpListener;
///
/// #[tokio::main]
/// async fn main() -> anyhow::Result<()> {
///     async_with!(Shutdown::new().grace(Duration::from_secs(20)).on_signals() as shutdown => {
///         let app = Router::new().route("/", get(|| async { "Hello" }));
///         let listener = TcpListener::bind("127.0.0.1:8080").await?;
///         axum::serve(listener, app).with_graceful_shutdown(shutdown.token().cancelled_owned()).await?;
///     })?;
///     Ok(())
/// }
/// ```
///
/// What does not end is aborted and named:
///
/// ```
/// use std::future::pending;
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::Shutdown;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let block = async_with!(Shutdown::new().grace(Duration::from_secs(3)) as shutdown => {
///     shutdown.spawn("queue", shutdown.token().cancelled_owned());
///     shutdown.spawn("mailer", pending::<()>());
/// });
/// assert_eq!(
///     block.unwrap_err().to_string(),
///     "at the end of the grace time of 3s, the task `mailer` had not ended and was aborted"
/// );
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Shutdown {
    grace: Duration,
    #[cfg(any(unix, windows))]
    signals: bool,
    entered: Option<Entered>,
}

#[derive(Debug)]
struct Entered {
    shared: Arc<Shared>,
    _signals: Option<AbortOnDropHandle<()>>,
}

impl Shutdown {
    /// A shutdown with a grace time of 5 seconds, which is half of what `docker stop` gives a process.
    pub fn new() -> Self {
        Self {
            grace: Duration::from_secs(5),
            #[cfg(any(unix, windows))]
            signals: false,
            entered: None,
        }
    }

    /// How long the body and the tasks may take to end, counted from the beginning of the shutdown.
    ///
    /// It should be less than the time after which the process is killed: by default 10 seconds with `docker stop`, 30 with
    /// Kubernetes, 90 with systemd. With zero, what does not end at once is aborted; a time too long to be counted, such as
    /// [`Duration::MAX`], never ends.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Also begins the shutdown when the process is told to end: by SIGTERM or SIGINT, on Windows by Ctrl-C, Ctrl-Break or
    /// the closing of the console.
    ///
    /// A second signal ends the grace time at once.
    ///
    /// The signals no longer end the process by themselves, not even after the block: see
    /// [`tokio::signal::unix`](https://docs.rs/tokio/latest/tokio/signal/unix/struct.Signal.html).
    #[cfg(any(unix, windows))]
    pub fn on_signals(self) -> Self {
        Self { signals: true, ..self }
    }

    #[cfg(any(unix, windows))]
    fn listen(&self, shared: &Arc<Shared>) -> Result<Option<AbortOnDropHandle<()>>, ShutdownError> {
        if !self.signals {
            return Ok(None);
        }
        let mut signals = signals::Signals::new().map_err(ShutdownError::Signals)?;
        let (token, hurry) = (shared.token.clone(), shared.hurry.clone());
        Ok(Some(AbortOnDropHandle::new(shared.runtime.spawn(async move {
            signals.next().await;
            token.cancel();
            signals.next().await;
            hurry.cancel();
        }))))
    }

    #[cfg(not(any(unix, windows)))]
    fn listen(&self, _shared: &Arc<Shared>) -> Result<Option<AbortOnDropHandle<()>>, ShutdownError> {
        Ok(None)
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl AsyncContextManager for Shutdown {
    type Value = ShutdownHandle;
    type Error = ShutdownError;

    async fn enter(&mut self) -> Result<ShutdownHandle, ShutdownError> {
        let shared = Arc::new(Shared::new(self.grace));
        let signals = self.listen(&shared)?;
        self.entered = Some(Entered { shared: Arc::clone(&shared), _signals: signals });
        Ok(ShutdownHandle::new(shared))
    }

    async fn exit(self, _handle: ShutdownHandle, outcome: Outcome) -> Result<(), ShutdownError> {
        let Some(Entered { shared, _signals }) = self.entered else { return Ok(()) };
        shared.token.cancel();
        let late = tokio::select! {
            biased;
            () = shared.all_ended() => return Ok(()),
            () = shared.grace_over() => shared.abort(),
        };
        shared.all_ended().await;
        // The interrupt has named the tasks along with the body.
        if late.is_empty() || outcome == Outcome::Interrupted {
            return Ok(());
        }
        Err(ShutdownError::NotEnded(NotEnded::new(late, false, shared.grace)))
    }

    fn interrupt(&self, handle: &ShutdownHandle) -> Interrupt<ShutdownError> {
        let shared = handle.shared();
        // A body that uses up the task's budget at each poll must be interrupted too.
        Interrupt::when(unconstrained(async move {
            shared.token.cancelled().await;
            shared.grace_over().await;
            ShutdownError::NotEnded(NotEnded::new(shared.abort(), true, shared.grace))
        }))
    }
}
