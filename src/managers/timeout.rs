//! Time limits for a body.

use std::error::Error;
use std::fmt;
use std::future::pending;
use std::io;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{unconstrained, yield_now};
use tokio::time::{Instant, sleep_until};

use crate::{AsyncContextManager, Interrupt, Outcome};

/// Interrupts the body when it takes longer than `limit`, counted from when the block is entered.
///
/// The block's value is then `Err(`[`Elapsed`]`)`. The body works with a [`Deadline`], which tells how much time is left and
/// can be moved. The exit is not limited, and neither are the exits of blocks nested in the body: they are waited for.
///
/// As with [`tokio::time::timeout`], the body is polled before the time is looked at: one that is ready is not interrupted,
/// even with a limit of zero. A limit too far away to be a point in time, such as [`Duration::MAX`], never ends. As with
/// `asyncio.timeout`, if several nested ones are over at once, only the outermost reports it.
///
/// # Errors
///
/// [`Elapsed`], when the body was interrupted.
///
/// # Panics
///
/// The block panics, as [`tokio::time::sleep`] does, if it runs outside a tokio runtime, or in one whose time driver is not
/// enabled. The panic counts as one of the body.
///
/// # Cancel safety
///
/// Nothing is held, so nothing is left behind, wherever the future is dropped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::timeout;
/// use tokio::time::sleep;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let answer = async_with!(timeout(Duration::from_secs(5)) => {
///     sleep(Duration::from_secs(3)).await;
///     42
/// });
/// assert_eq!(answer, Ok(42));
///
/// let late = async_with!(timeout(Duration::from_secs(5)) => { sleep(Duration::from_secs(7)).await });
/// assert_eq!(late.unwrap_err().to_string(), "the body was interrupted: its time limit of 5s was over");
/// # }
/// ```
pub fn timeout(limit: Duration) -> Timeout {
    Timeout { limit: Limit::After(limit), entered: None }
}

/// Interrupts the body when it has not ended at `at`.
///
/// It is [`timeout`] with a point in time, for a limit that several blocks share. A point in the past lets a body finish that
/// is ready.
///
/// # Errors
///
/// [`Elapsed`], when the body was interrupted.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::deadline;
/// use tokio::time::{Instant, sleep};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let end = Instant::now() + Duration::from_secs(5);
/// let first = async_with!(deadline(end) => { sleep(Duration::from_secs(3)).await });
/// assert!(first.is_ok());
/// let second = async_with!(deadline(end) => { sleep(Duration::from_secs(3)).await });
/// assert!(second.is_err());
/// # }
/// ```
pub fn deadline(at: Instant) -> Timeout {
    Timeout { limit: Limit::At(at), entered: None }
}

/// The manager that [`timeout`] and [`deadline`] make.
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Timeout {
    limit: Limit,
    entered: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    After(Duration),
    At(Instant),
}

impl AsyncContextManager for Timeout {
    type Value = Deadline;
    type Error = Elapsed;

    async fn enter(&mut self) -> Result<Deadline, Elapsed> {
        let now = Instant::now();
        self.entered = Some(now);
        let at = match self.limit {
            Limit::After(limit) => now.checked_add(limit),
            Limit::At(at) => Some(at),
        };
        Ok(Deadline(watch::Sender::new(at)))
    }

    async fn exit(self, _deadline: Deadline, outcome: Outcome) -> Result<(), Elapsed> {
        if outcome == Outcome::Interrupted {
            // Another timeout around this one may be over as well. It is looked at when this suspends, and its error is then
            // the only one.
            yield_now().await;
        }
        Ok(())
    }

    fn interrupt(&self, deadline: &Deadline) -> Interrupt<Elapsed> {
        let (moved, entered) = (deadline.0.subscribe(), self.entered);
        // A body that uses up the task's budget at each poll must be interrupted too.
        Interrupt::when(unconstrained(async move {
            let at = passed(moved).await;
            Elapsed { limit: entered.map_or(Duration::ZERO, |entered| at.saturating_duration_since(entered)) }
        }))
    }
}

/// Waits for the deadline, wherever it is moved to meanwhile, and gives it.
async fn passed(mut moved: watch::Receiver<Option<Instant>>) -> Instant {
    loop {
        let at = *moved.borrow_and_update();
        tokio::select! {
            // One that the body has just moved counts no more.
            biased;
            Ok(()) = moved.changed() => {}
            at = reached(at) => return at,
        }
    }
}

/// Waits for a point in time, if there is one, and gives it.
pub(super) async fn reached(at: Option<Instant>) -> Instant {
    match at {
        // The timer would round up, and a body that awaits might get another turn.
        Some(at) if at <= Instant::now() => at,
        // Rounding up must not overflow at the end of time.
        Some(at) if at.checked_add(Duration::from_secs(1)).is_some() => {
            sleep_until(at).await;
            at
        }
        _ => pending().await,
    }
}

/// The end of the time that a body has, which the body may move.
///
/// The names are those of [`tokio::time::Sleep`] and [`tokio::time::Interval`]; `disable` is what `reschedule(None)` is in
/// asyncio.
///
/// # Examples
///
/// A body that has five seconds for each message, not for all of them:
///
/// ```
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::{Elapsed, timeout};
/// use tokio::sync::mpsc::Receiver;
///
/// const PATIENCE: Duration = Duration::from_secs(5);
///
/// async fn concat(mut messages: Receiver<String>) -> Result<String, Elapsed> {
///     async_with!(timeout(PATIENCE) as deadline => {
///         let mut all = String::new();
///         while let Some(message) = messages.recv().await {
///             all.push_str(&message);
///             deadline.reset_after(PATIENCE);
///         }
///         all
///     })
/// }
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// # let (sender, receiver) = tokio::sync::mpsc::channel(1);
/// # tokio::spawn(async move {
/// #     for message in ["a", "b", "c"] {
/// #         tokio::time::sleep(Duration::from_secs(4)).await;
/// #         sender.send(message.to_owned()).await.unwrap();
/// #     }
/// # });
/// # assert_eq!(concat(receiver).await.unwrap(), "abc");
/// # }
/// ```
#[derive(Debug)]
pub struct Deadline(watch::Sender<Option<Instant>>);

impl Deadline {
    /// When the body will be interrupted; `None` if it will not be.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        *self.0.borrow()
    }

    /// The time left until then, zero if it is over; `None` if the body will not be interrupted.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline().map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Moves the deadline, nearer or further away.
    ///
    /// One in the past interrupts the body when it next awaits something that is not ready.
    pub fn reset(&mut self, at: Instant) {
        self.0.send_replace(Some(at));
    }

    /// Moves the deadline to `limit` from now.
    pub fn reset_after(&mut self, limit: Duration) {
        self.0.send_replace(Instant::now().checked_add(limit));
    }

    /// Takes the deadline away, until [`reset`](Self::reset) sets one again.
    pub fn disable(&mut self) {
        self.0.send_replace(None);
    }
}

/// The body did not end in its time: what a block over [`timeout`] or [`deadline`] reports.
///
/// It converts into [`std::io::Error`], as [`TimedOut`](io::ErrorKind::TimedOut).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::timeout;
///
/// async fn read_line() -> std::io::Result<String> {
///     let line = async_with!(timeout(Duration::from_millis(10)) => {
///         std::future::pending::<()>().await;
///         String::new()
///     })?;
///     Ok(line)
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(read_line().await.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    limit: Duration,
}

impl Elapsed {
    /// The time that the body had: from entering the block to the deadline that was over.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body was interrupted: its time limit of {:?} was over", self.limit)
    }
}

impl Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
