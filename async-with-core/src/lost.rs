//! Where errors go that no block can report.

use std::any::Any;
use std::fmt::{self, Debug};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use crate::Outcome;

/// An error of an exit that could not become the value of its block.
///
/// The body had failed as well, or the exit ran detached. An exit that panicked where its panic could not leave, and
/// one that was destroyed with its runtime before it ended, or that found neither a runtime nor a thread, are reported in
/// the same way.
#[derive(Clone, Copy)]
pub struct LostError<'a> {
    pub(crate) manager: &'static str,
    pub(crate) location: &'static Location<'static>,
    pub(crate) outcome: Outcome,
    pub(crate) error: &'a dyn Debug,
}

impl<'a> LostError<'a> {
    /// The type name of the manager whose exit failed.
    #[must_use]
    pub fn manager(&self) -> &'static str {
        self.manager
    }

    /// Where in the source the block is.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// What the exit was told.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The error itself.
    #[must_use]
    pub fn error(&self) -> &'a dyn Debug {
        self.error
    }
}

impl Debug for LostError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LostError")
            .field("manager", &self.manager)
            .field("location", &format_args!("{}", self.location))
            .field("outcome", &self.outcome)
            .field("error", self.error)
            .finish()
    }
}

impl fmt::Display for LostError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manager, location, outcome, error } = self;
        write!(f, "the exit of `{manager}` at {location}, told `{outcome}`, failed: {error:?}")
    }
}

type Hook = Arc<dyn Fn(&LostError<'_>) + Send + Sync>;

static HOOK: RwLock<Option<Hook>> = RwLock::new(None);

/// Replaces the hook that is called with every [`LostError`], for the whole process.
///
/// The default hook writes a `tracing` event at level error with the feature `tracing`, else one line to stderr. The
/// hook is called where the exit ended: in a task of the runtime, on the background thread, or in the task that holds
/// the block. A panic of the hook is caught.
///
/// # Examples
///
/// ```
/// async_with::set_lost_error_hook(|lost| {
///     eprintln!("{}: {:?}", lost.location(), lost.error());
/// });
/// ```
pub fn set_lost_error_hook(hook: impl Fn(&LostError<'_>) + Send + Sync + 'static) {
    *HOOK.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
}

/// Whose exit it is that may lose its error.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Site {
    manager: fn() -> &'static str,
    pub(crate) location: &'static Location<'static>,
}

impl Site {
    #[track_caller]
    #[must_use]
    pub fn of<M>() -> Self {
        Self { manager: std::any::type_name::<M>, location: Location::caller() }
    }

    pub(crate) fn at<M>(location: &'static Location<'static>) -> Self {
        Self { manager: std::any::type_name::<M>, location }
    }

    /// Another manager at the same place: a part of the first.
    pub(crate) fn part<M>(self) -> Self {
        Self { manager: std::any::type_name::<M>, ..self }
    }

    /// Reports an error of an exit that nothing else will report.
    pub fn lost(self, outcome: Outcome, error: &dyn Debug) {
        let lost = LostError { manager: (self.manager)(), location: self.location, outcome, error };
        let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
        // This may run in a destructor during a panic, where a second panic would abort the process.
        let _ = catch_unwind(AssertUnwindSafe(|| match hook {
            Some(hook) => hook(&lost),
            None => default_hook(&lost),
        }));
    }

    pub(crate) fn lost_panic(self, outcome: Outcome, payload: &(dyn Any + Send)) {
        self.lost(outcome, &Panicked(payload));
    }

    pub(crate) fn lost_exit(self, outcome: Outcome) {
        self.lost(
            outcome,
            &format_args!(
                "the exit was dropped before it ended, because its runtime shut down or no thread could be started for it"
            ),
        );
    }
}

#[cfg(feature = "tracing")]
fn default_hook(lost: &LostError<'_>) {
    tracing::error!(
        manager = lost.manager,
        location = %lost.location,
        outcome = %lost.outcome,
        error = ?lost.error,
        "the exit of a block failed and nothing could report it"
    );
}

#[cfg(not(feature = "tracing"))]
fn default_hook(lost: &LostError<'_>) {
    eprintln!("async-with: {lost}");
}

struct Panicked<'a>(&'a (dyn Any + Send));

impl Debug for Panicked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.0.downcast_ref::<&str>().copied();
        let message = message.or_else(|| self.0.downcast_ref::<String>().map(String::as_str));
        write!(f, "the exit panicked: {}", message.unwrap_or("(no message)"))
    }
}
