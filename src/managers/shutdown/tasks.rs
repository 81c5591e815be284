//! The tasks of a server, by name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::async_with;
use crate::managers::timeout::reached;
use crate::managers::tracked::Tracked;

type Name = Cow<'static, str>;

/// What the manager and its handles share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) runtime: Handle,
    /// Cancelled when the shutdown begins.
    pub(super) token: CancellationToken,
    pub(super) grace: Duration,
    /// The end of the grace time, once the shutdown has begun; `None` if it does not end.
    end: OnceLock<Option<Instant>>,
    /// Cancelled when the grace time ends before that.
    pub(super) hurry: CancellationToken,
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
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            runtime: Handle::current(),
            token: CancellationToken::new(),
            grace,
            end: OnceLock::new(),
            hurry: CancellationToken::new(),
            tasks: watch::Sender::default(),
        }
    }

    pub(super) async fn grace_over(&self) {
        let end = *self.end.get_or_init(|| Instant::now().checked_add(self.grace));
        tokio::select! {
            _ = reached(end) => {}
            () = self.hurry.cancelled() => {}
        }
    }

    /// Waits until there is no task, and then lets none be spawned any more.
    pub(super) async fn all_ended(&self) {
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
    pub(super) fn abort(&self) -> Vec<Name> {
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

/// What the body of a [`Shutdown`](super::Shutdown) works with; clone it to give it to the parts of the server.
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
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }

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
