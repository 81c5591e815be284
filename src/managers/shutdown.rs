//! The orderly end of a server.

mod error;
#[cfg(any(unix, windows))]
mod signals;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle, unconstrained};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub use self::error::{NotEnded, ShutdownError};
use super::timeout::reached;
use super::tracked::Tracked;
use crate::{AsyncContextManager, Interrupt, Outcome, async_with};

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
        let shared = Arc::new(Shared {
            runtime: Handle::current(),
            token: CancellationToken::new(),
            grace: self.grace,
            end: OnceLock::new(),
            hurry: CancellationToken::new(),
            tasks: watch::Sender::default(),
        });
        let signals = self.listen(&shared)?;
        self.entered = Some(Entered { shared: Arc::clone(&shared), _signals: signals });
        Ok(ShutdownHandle(shared))
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
        let shared = Arc::clone(&handle.0);
        // A body that uses up the task's budget at each poll must be interrupted too.
        Interrupt::when(unconstrained(async move {
            shared.token.cancelled().await;
            shared.grace_over().await;
            ShutdownError::NotEnded(NotEnded::new(shared.abort(), true, shared.grace))
        }))
    }
}

type Name = Cow<'static, str>;

#[derive(Debug)]
struct Shared {
    runtime: Handle,
    /// Cancelled when the shutdown begins.
    token: CancellationToken,
    grace: Duration,
    /// The end of the grace time, once the shutdown has begun; `None` if it does not end.
    end: OnceLock<Option<Instant>>,
    /// Cancelled when the grace time ends before that.
    hurry: CancellationToken,
    tasks: watch::Sender<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    running: BTreeMap<u64, (Name, Option<AbortHandle>)>,
    spawned: u64,
    /// Whether no more may be spawned.
    closed: bool,
}

impl Shared {
    async fn grace_over(&self) {
        let end = *self.end.get_or_init(|| Instant::now().checked_add(self.grace));
        tokio::select! {
            _ = reached(end) => {}
            () = self.hurry.cancelled() => {}
        }
    }

    /// Waits until there is no task, and then lets none be spawned any more.
    async fn all_ended(&self) {
        let mut tasks = self.tasks.subscribe();
        let close_if_empty = |tasks: &mut Tasks| {
            tasks.closed |= tasks.running.is_empty();
            false
        };
        loop {
            self.tasks.send_if_modified(close_if_empty);
            let tasks = tasks.wait_for(|tasks| tasks.running.is_empty()).await;
            // The channel is not closed, for its sender is in `self`.
            if tasks.is_ok_and(|tasks| tasks.closed) {
                return;
            }
        }
    }

    /// Aborts all tasks, lets none be spawned any more, and gives the names of those that had not ended.
    fn abort(&self) -> Vec<Name> {
        let mut late = Vec::new();
        self.tasks.send_if_modified(|tasks| {
            tasks.closed = true;
            late.extend(tasks.running.values().cloned());
            false
        });
        late.into_iter()
            .map(|(name, task)| {
                // One that is just being spawned sees by itself that it is too late.
                task.inspect(AbortHandle::abort);
                name
            })
            .collect()
    }

    fn begin(self: &Arc<Self>, name: Name) -> Option<Task> {
        let mut number = None;
        self.tasks.send_if_modified(|tasks| {
            if !tasks.closed {
                tasks.spawned += 1;
                number = Some(tasks.spawned);
                tasks.running.insert(tasks.spawned, (name, None));
            }
            false
        });
        Some(Task { number: number?, shared: Arc::clone(self) })
    }

    fn started(&self, number: u64, abort: AbortHandle) {
        self.tasks.send_if_modified(|tasks| {
            if tasks.closed {
                abort.abort();
            } else if let Some((_, task)) = tasks.running.get_mut(&number) {
                *task = Some(abort);
            }
            false
        });
    }
}

/// A task that has not ended, and neither have the blocks in it.
struct Task {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.shared.tasks.send_modify(|tasks| drop(tasks.running.remove(&self.number)));
    }
}

/// What the body of a [`Shutdown`] works with; clone it to give it to the parts of the server.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{Shutdown, ShutdownHandle};
///
/// async fn ticker(shutdown: ShutdownHandle) {
///     while !shutdown.token().is_cancelled() {
///         shutdown.spawn("tick", async { println!("tick") });
///         tokio::task::yield_now().await;
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let block = async_with!(Shutdown::new() as shutdown => {
///     shutdown.spawn("ticker", ticker(shutdown.clone()));
///     tokio::task::yield_now().await;
/// });
/// assert!(block.is_ok());
/// # }
/// ```
#[derive(Clone)]
pub struct ShutdownHandle(Arc<Shared>);

impl ShutdownHandle {
    /// The token that is cancelled when the shutdown begins.
    ///
    /// Cancelling it begins the shutdown.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.0.token.clone()
    }

    /// Starts a task that the exit waits for, on the runtime in which the block was entered.
    ///
    /// The name says in the error which task it was that did not end. Several tasks may have the same. Dropping the handle has
    /// no effect on the task. A task that panics has ended: its panic is in the handle, and nowhere else.
    ///
    /// After the grace time, and after the block, no task is started any more: the future is dropped without having been
    /// polled, and the handle resolves to a cancelled [`JoinError`](tokio::task::JoinError).
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let Self(shared) = self;
        let Some(task) = shared.begin(name.into()) else {
            let refused = shared.runtime.spawn(pending());
            refused.abort();
            return refused;
        };
        let number = task.number;
        let handle = shared.runtime.spawn(run(Box::pin(future), Tracked(task)));
        shared.started(number, handle.abort_handle());
        handle
    }
}

impl Debug for ShutdownHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutdownHandle").finish_non_exhaustive()
    }
}

/// What a task does. The future is boxed, for each of the layers here would double its size.
async fn run<F: Future>(future: Pin<Box<F>>, tracked: Tracked<Task>) -> F::Output {
    async_with!(tracked => { future.await })
}
