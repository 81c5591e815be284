//! What a shutdown reports.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// What a block over [`Shutdown`](super::Shutdown) reports.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::{Shutdown, ShutdownError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let block = async_with!(Shutdown::new().grace(Duration::from_millis(10)) as shutdown => {
///     shutdown.spawn("mailer", std::future::pending::<()>());
/// });
/// match block {
///     Err(ShutdownError::NotEnded(late)) => assert_eq!(late.tasks().collect::<Vec<_>>(), ["mailer"]),
///     _ => unreachable!("the mailer does not end"),
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ShutdownError {
    /// What had not ended after the grace time, and was aborted.
    NotEnded(NotEnded),
    /// The signals could not be listened for.
    Signals(io::Error),
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEnded(late) => late.fmt(f),
            Self::Signals(_) => f.write_str("cannot listen for the signals that end the process"),
        }
    }
}

impl Error for ShutdownError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotEnded(_) => None,
            Self::Signals(error) => Some(error),
        }
    }
}

/// What had not ended in the grace time of a [`Shutdown`](super::Shutdown), and was aborted.
///
/// # Examples
///
/// ```
/// use async_with::managers::NotEnded;
///
/// fn page_somebody(late: &NotEnded) {
///     if late.body() {
///         eprintln!("requests were dropped");
///     }
///     for task in late.tasks() {
///         eprintln!("{task} was aborted");
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEnded {
    tasks: Vec<Cow<'static, str>>,
    body: bool,
    grace: Duration,
}

impl NotEnded {
    pub(super) fn new(tasks: Vec<Cow<'static, str>>, body: bool, grace: Duration) -> Self {
        Self { tasks, body, grace }
    }

    /// The names of the tasks, in the order in which they were spawned.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.tasks.iter().map(AsRef::as_ref)
    }

    /// Whether the body was interrupted.
    #[must_use]
    pub fn body(&self) -> bool {
        self.body
    }
}

impl fmt::Display for NotEnded {
    /// Names ten tasks at most.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 10;
        let mut late = Vec::new();
        if self.body {
            late.push("the body".to_owned());
        }
        late.extend(self.tasks().take(NAMED).map(|name| format!("the task `{name}`")));
        match self.tasks.len().saturating_sub(NAMED) {
            0 => {}
            1 => late.push("one more task".to_owned()),
            more => late.push(format!("{more} more tasks")),
        }
        let was = if late.len() == 1 { "was" } else { "were" };
        write!(f, "at the end of the grace time of {:?}, ", self.grace)?;
        if let Some((last, others)) = late.split_last() {
            if !others.is_empty() {
                write!(f, "{} and ", others.join(", "))?;
            }
            f.write_str(last)?;
        }
        write!(f, " had not ended and {was} aborted")
    }
}
