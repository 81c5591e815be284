use std::fmt;

/// How the body of a block ended, as told to `exit`.
///
/// # Examples
///
/// ```
/// use async_with::Outcome;
///
/// let commit = |outcome: Outcome| outcome.is_success();
/// assert!(commit(Outcome::Returned));
/// assert!(!commit(Outcome::Cancelled));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub enum Outcome {
    /// The body reached its end, and its value is not an `Err`.
    Completed,
    /// The body returned from the enclosing function, and not with an `Err`.
    Returned,
    /// The body left an enclosing loop or labelled block with `break`.
    Broke,
    /// The body went on to the next turn of an enclosing loop with `continue`.
    Continued,
    /// The body's value, or what it returned from the enclosing function, is an `Err`.
    Failed,
    /// The body panicked.
    Panicked,
    /// The manager's own [`Interrupt`](crate::Interrupt) stopped the body.
    Interrupted,
    /// The future was dropped while the body was running: a timeout, a `select!`, an abort.
    Cancelled,
}

impl Outcome {
    /// Whether the body did what it set out to do: true for the first four outcomes.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::Outcome;
    ///
    /// assert!(Outcome::Continued.is_success());
    /// assert!(!Outcome::Failed.is_success());
    /// ```
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Completed | Self::Returned | Self::Broke | Self::Continued)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Completed => "completed",
            Self::Returned => "returned",
            Self::Broke => "broke",
            Self::Continued => "continued",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        })
    }
}
