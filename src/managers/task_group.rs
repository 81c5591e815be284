//! Tasks that do not outlive a block.

mod child;

use std::fmt::{self, Debug};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_with_core::Site;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::{JoinSet, unconstrained};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use self::child::{Child, ChildError, NoOutput};
use super::tracked::Tracked;
use crate::{AsyncContextManager, Interrupt, Outcome, async_with};

/// Tasks that have all ended when the block is over, as with `asyncio.TaskGroup`.
///
/// The body works with a [`Spawner`]. What it spawns are the *children* of the group, tasks of tokio that give a
/// `Result<T, E>`.
///
/// - A body that ends by itself, or leaves by `return Ok(..)`, `break` or `continue`, has the exit wait for all children.
/// - The first child that fails or panics interrupts the body and aborts the other children. The block's value is then its
///   error, as a [`ChildError`]. Errors of further children go to the [lost-error hook](crate::set_lost_error_hook).
/// - A body that fails, panics or is cancelled has all children aborted; the exit waits until they are gone. Errors that they
///   give meanwhile go to the hook.
///
/// In all cases the exit also waits for the blocks in aborted children to be exited, detached as these exits are. A
/// transaction in a child is rolled back before a lock around the group is released.
///
/// A child is aborted at an await: one that blocks its thread keeps the exit waiting.
///
/// # Errors
///
/// The [`ChildError`] of the first child that failed or panicked.
///
/// # Panics
///
/// Entering panics outside of a tokio runtime, as [`tokio::spawn`] does.
///
/// # Cancel safety
///
/// When the future is dropped, in the body or in the exit, the exit runs on detached, until no child is left.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{ChildError, TaskGroup};
///
/// async fn fetch(page: u32) -> Result<usize, std::io::Error> {
///     Ok(format!("page {page}").len())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let total = async_with!(TaskGroup::new() as group => {
///     let pages: Vec<_> = (8..=10).map(|page| group.spawn(fetch(page))).collect();
///     let mut total = 0;
///     for page in pages {
///         total += page.await?;
///     }
///     total
/// })?;
/// assert_eq!(total, 6 + 6 + 7);
///
/// let failed = async_with!(TaskGroup::new() as group => {
///     group.spawn(async { Err::<(), _>("the disk is full") });
///     group.spawn(async { std::future::pending::<Result<(), _>>().await });
/// });
/// assert!(matches!(failed, Err(ChildError::Failed("the disk is full"))));
/// # Ok(())
/// # }
/// ```
///
/// Children with errors of several kinds, and `?` on the block: see [`ChildError::flatten`].
#[must_use = "a context manager does nothing unless it is entered"]
pub struct TaskGroup<E> {
    site: Site,
    entered: Option<Entered<E>>,
}

struct Entered<E> {
    shared: Arc<Shared<E>>,
    /// Resolves the handles of children without output, also if the runtime destroys the exit.
    over: DropGuard,
}

impl<E> TaskGroup<E> {
    /// A group without children.
    #[track_caller]
    pub fn new() -> Self {
        Self { site: Site::of::<Self>(), entered: None }
    }
}

impl<E> Default for TaskGroup<E> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup").finish_non_exhaustive()
    }
}

impl<E: Debug + Send + 'static> AsyncContextManager for TaskGroup<E> {
    type Value = Spawner<E>;
    type Error = ChildError<E>;

    async fn enter(&mut self) -> Result<Spawner<E>, ChildError<E>> {
        let shared = Arc::new(Shared {
            site: self.site,
            runtime: Handle::current(),
            children: Mutex::new(Children { tasks: JoinSet::new(), closed: false }),
            first: Notify::new(),
            tracker: TaskTracker::new(),
            over: CancellationToken::new(),
        });
        let over = shared.over.clone().drop_guard();
        self.entered = Some(Entered { shared: Arc::clone(&shared), over });
        Ok(Spawner(shared))
    }

    async fn exit(self, _spawner: Spawner<E>, outcome: Outcome) -> Result<(), ChildError<E>> {
        let Some(Entered { shared, over }) = self.entered else { return Ok(()) };
        if !outcome.is_success() {
            shared.abort();
        }
        let mut result = Ok(());
        // Whoever is still there may spawn others, until none is left.
        while !shared.close_if_empty() {
            let Some(Err(error)) = shared.next_ended().await else { continue };
            shared.abort();
            if outcome.is_success() && result.is_ok() {
                result = Err(error);
            } else {
                self.site.lost(outcome, &error);
            }
        }
        shared.tracker.close();
        shared.tracker.wait().await;
        drop(over);
        result
    }

    fn interrupt(&self, spawner: &Spawner<E>) -> Interrupt<ChildError<E>> {
        let shared = Arc::clone(&spawner.0);
        // A body that uses up the task's budget at each poll must be interrupted too.
        Interrupt::when(unconstrained(async move {
            loop {
                match shared.next_ended().await {
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        shared.abort();
                        return error;
                    }
                    None => shared.first.notified().await,
                }
            }
        }))
    }
}

struct Shared<E> {
    site: Site,
    runtime: Handle,
    children: Mutex<Children<E>>,
    /// Told of a child that is spawned where there was none: an empty set wakes nobody.
    first: Notify,
    /// Counts the children whose blocks have not all been exited.
    tracker: TaskTracker,
    /// Cancelled when the group is over.
    over: CancellationToken,
}

struct Children<E> {
    tasks: JoinSet<Result<(), E>>,
    /// Whether no more may be spawned.
    closed: bool,
}

impl<E: Send + 'static> Shared<E> {
    fn children(&self) -> MutexGuard<'_, Children<E>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn abort(&self) {
        let mut children = self.children();
        children.closed = true;
        children.tasks.abort_all();
    }

    fn close_if_empty(&self) -> bool {
        let mut children = self.children();
        let empty = children.tasks.is_empty();
        children.closed |= empty;
        empty
    }

    /// Waits for a child to end, and forgets it; `None` if there is none.
    async fn next_ended(&self) -> Option<Result<(), ChildError<E>>> {
        let ended = poll_fn(|cx| self.children().tasks.poll_join_next(cx)).await?;
        Some(match ended {
            Ok(result) => result.map_err(ChildError::Failed),
            Err(error) if error.is_panic() => Err(ChildError::Panicked(error)),
            // It was aborted, which is no failure.
            Err(_) => Ok(()),
        })
    }
}

/// Spawns the children of a [`TaskGroup`].
///
/// Clone it to give it to a child, which may then spawn siblings, or to anybody else. A clone that outlives the block spawns
/// nothing any more.
///
/// # Examples
///
/// ```
/// use std::convert::Infallible;
///
/// use async_with::async_with;
/// use async_with::managers::{Spawner, TaskGroup};
///
/// async fn visit(folder: &'static str, group: Spawner<Infallible>) -> Result<(), Infallible> {
///     if folder == "src" {
///         group.spawn(async move { Ok(println!("a file in {folder}")) });
///     }
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let visited = async_with!(TaskGroup::new() as group => {
///     for folder in ["src", "target"] {
///         group.spawn(visit(folder, group.clone()));
///     }
/// });
/// assert!(visited.is_ok());
/// # }
/// ```
pub struct Spawner<E>(Arc<Shared<E>>);

impl<E: Debug + Send + 'static> Spawner<E> {
    /// Starts a child, on the runtime in which the block was entered.
    ///
    /// The handle may be awaited, or dropped: the group waits for the child in any case.
    ///
    /// Once a child has failed, the body has failed, or the group is over, no child is started any more: the future is dropped
    /// without having been polled, and the handle resolves to [`NoOutput::Refused`].
    pub fn spawn<T, F>(&self, future: F) -> Child<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let Self(shared) = self;
        let (sender, receiver) = oneshot::channel();
        let task = run(Box::pin(future), Tracked(shared.tracker.token()), sender, shared.site);
        let mut children = shared.children();
        if children.closed {
            drop(children);
            // Outside the lock, for the future may spawn when it is dropped.
            drop(task);
            return Child::new(receiver, None, shared.over.clone());
        }
        let abort = children.tasks.spawn_on(task, &shared.runtime);
        if children.tasks.len() == 1 {
            shared.first.notify_one();
        }
        Child::new(receiver, Some(abort), shared.over.clone())
    }

    /// Whether [`spawn`](Self::spawn) starts nothing any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.children().closed
    }
}

impl<E> Clone for Spawner<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Send + 'static> Debug for Spawner<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (children, closed) = {
            let children = self.0.children();
            (children.tasks.len(), children.closed)
        };
        f.debug_struct("Spawner").field("children", &children).field("closed", &closed).finish()
    }
}

/// The error of a child, until its task gives it to the group: it may be aborted before that.
struct Undelivered<E: Debug> {
    error: Option<E>,
    site: Site,
}

impl<E: Debug> Drop for Undelivered<E> {
    fn drop(&mut self) {
        if let Some(error) = self.error.take() {
            self.site.lost(Outcome::Cancelled, &ChildError::Failed(error));
        }
    }
}

/// What a child's task does. The future is boxed, for each of the layers here would double its size.
async fn run<T, E, F>(
    future: Pin<Box<F>>,
    tracked: Tracked<TaskTrackerToken>,
    output: oneshot::Sender<T>,
    site: Site,
) -> Result<(), E>
where
    E: Debug,
    F: Future<Output = Result<T, E>>,
{
    let mut failure = Undelivered { error: None, site };
    // The exit waits for what the blocks in the child have left behind.
    let value = async_with!(tracked => {
        future.await.map_err(|error| failure.error = Some(error)).ok()
    });
    // If nobody wants the value, it is dropped here.
    drop(value.map(|value| output.send(value)));
    failure.error.take().map_or(Ok(()), Err)
}
