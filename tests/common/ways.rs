//! Blocks that are left in every way, dropped after any number of polls, and what was seen of them.

use std::fmt::Debug;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use async_with::{LocalAsyncContextManager, Outcome, async_with, settle};

use crate::common::trace::{Trace, Traced, losses, poll_once};

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    AtTheEnd,
    WithAnErr,
    Return,
    QuestionMark,
    Break,
    Continue,
    Panic,
    Interrupt,
}

pub const WAYS: [Way; 8] = [
    Way::AtTheEnd,
    Way::WithAnErr,
    Way::Return,
    Way::QuestionMark,
    Way::Break,
    Way::Continue,
    Way::Panic,
    Way::Interrupt,
];

impl Way {
    /// What exit is told.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::AtTheEnd => Outcome::Completed,
            Self::WithAnErr | Self::QuestionMark => Outcome::Failed,
            Self::Return => Outcome::Returned,
            Self::Break => Outcome::Broke,
            Self::Continue => Outcome::Continued,
            Self::Panic => Outcome::Panicked,
            Self::Interrupt => Outcome::Interrupted,
        }
    }
}

/// A block that is left in this way; its body suspends once. `Interrupt` needs a manager that interrupts.
pub async fn leave<M>(manager: M, way: Way, trace: &Trace) -> Result<(), String>
where
    M: LocalAsyncContextManager,
{
    let mut manager = Some(manager);
    for turn in 0..2 {
        if turn == 1 {
            trace.log("continued");
            break;
        }
        let block = async_with!(manager.take().unwrap() => {
            trace.step("body").await;
            match way {
                Way::AtTheEnd => Ok(()),
                Way::WithAnErr => Err("body".to_owned()),
                Way::Return => return Ok(()),
                Way::QuestionMark => Err("body".to_owned())?,
                Way::Break => break,
                Way::Continue => continue,
                Way::Panic => panic_any("body"),
                Way::Interrupt => pending().await,
            }
        });
        trace.log("after");
        return block.map_err(|error| format!("{error:?}"))?;
    }
    trace.log("after the loop");
    Ok(())
}

/// What may go wrong in the manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    EnterFails,
    EnterPanics,
    ExitFails,
    ExitPanics,
}

pub const FAULTS: [Fault; 5] =
    [Fault::None, Fault::EnterFails, Fault::EnterPanics, Fault::ExitFails, Fault::ExitPanics];

/// How a future that was polled some times ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    Not,
    Ok,
    Err(String),
    Panicked(&'static str),
}

/// Polls `future` up to `polls` times, and drops it.
pub fn drive(future: impl Future<Output = Result<(), String>>, polls: usize) -> Ended {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        match catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))) {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Ok(()))) => return Ended::Ok,
            Ok(Poll::Ready(Err(error))) => return Ended::Err(error),
            Err(payload) => {
                return Ended::Panicked(payload.downcast_ref::<&str>().expect("a panic of the test"));
            }
        }
    }
    Ended::Not
}

/// A text that no other test has.
pub fn unique(what: &str) -> &'static str {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    format!("<{what} {}>", NUMBER.fetch_add(1, Ordering::Relaxed)).leak()
}

/// What was seen of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub events: Vec<String>,
    pub ended: Ended,
    /// The outcomes that the lost-error hook was told.
    pub lost: Vec<Outcome>,
}

/// Leaves a block over what `make` makes, and drops it after `polls` polls. What the manager fails with is called `manager`.
pub async fn seen<M>(make: impl Fn(Traced) -> M, fault: Fault, way: Way, polls: usize) -> Seen
where
    M: LocalAsyncContextManager,
{
    losses();
    let (trace, mark) = (Trace::new(), unique("fault"));
    let mut manager = Traced::new("A", &trace);
    if way == Way::Interrupt {
        manager = manager.interrupts("interrupt");
    }
    let manager = match fault {
        Fault::None => manager,
        Fault::EnterFails => manager.enter_fails(mark),
        Fault::EnterPanics => manager.enter_panics(mark),
        Fault::ExitFails => manager.exit_fails(mark),
        Fault::ExitPanics => manager.exit_panics(mark),
    };
    let ended = drive(leave(make(manager), way, &trace), polls);
    let before = trace.events();
    settle().await;
    if ended != Ended::Not {
        assert_eq!(trace.events(), before, "nothing is left to do");
    }
    let lost = losses().of(mark);
    for loss in &lost {
        assert!(loss.file.contains("tests/"), "the place is one of the user's: {loss:?}");
    }
    let ended = match ended {
        Ended::Panicked(payload) if payload == mark => Ended::Panicked("manager"),
        Ended::Err(error) if error.contains(mark) => Ended::Err("manager".to_owned()),
        Ended::Err(error) if error.contains("interrupt") => Ended::Err("interrupt".to_owned()),
        ended => ended,
    };
    Seen { events: trace.events(), ended, lost: lost.into_iter().map(|loss| loss.outcome).collect() }
}

/// Checks that blocks over the one manager go as those over the other, on every way out, with every fault, dropped after any
/// number of polls. `differs` says of which they need not, by what was seen of the first.
pub async fn same<A, B>(
    one: impl Fn(Traced) -> A,
    other: impl Fn(Traced) -> B,
    differs: impl Fn(&Seen) -> bool,
) where
    A: LocalAsyncContextManager,
    B: LocalAsyncContextManager,
{
    for way in WAYS {
        for fault in FAULTS {
            for polls in 0.. {
                let expected = seen(&one, fault, way, polls).await;
                let got = seen(&other, fault, way, polls).await;
                if !differs(&expected) {
                    assert_eq!(got, expected, "{way:?}, {fault:?}, dropped after {polls} polls");
                }
                if expected.ended != Ended::Not {
                    break;
                }
            }
        }
    }
}
