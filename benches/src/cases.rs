//! Each case as each contender writes it. Time and instructions are measured of the same functions.

use std::fmt;

use crate::managers::{Guaranteed, Local};

mod bare;
mod by_hand;
mod cleanup_crates;
mod macros;

/// Runs the block of a case so many times.
pub type Run = fn(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Case {
    /// The body counts.
    NoOp,
    /// The body waits once, and is woken.
    Waits,
    /// The body leaves the function.
    Returns,
    /// A block in a block in a block.
    Nested,
    /// A block over three managers.
    Items,
    /// An array of 1 KiB is live while the body waits.
    Kilobyte,
    /// The future is dropped while the body waits. A detached exit is awaited.
    Cut,
    /// The body panics, which is caught outside.
    Panics,
}

impl Case {
    pub const ALL: [Self; 8] = [
        Self::NoOp,
        Self::Waits,
        Self::Returns,
        Self::Nested,
        Self::Items,
        Self::Kilobyte,
        Self::Cut,
        Self::Panics,
    ];
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOp => "no-op",
            Self::Waits => "awaits once",
            Self::Returns => "early return",
            Self::Nested => "three nested",
            Self::Items => "three items",
            Self::Kilobyte => "1 KiB body",
            Self::Cut => "cancelled",
            Self::Panics => "panic",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contender {
    /// Enter, body, exit, one after the other. No guarantee: after a panic and a drop there is no exit.
    Bare,
    ExpertLocal,
    MacroLocal,
    ExpertGuaranteed,
    MacroGuaranteed,
    /// `scopeguard`: the exit cannot await, fail, or learn how the body ended.
    Scopeguard,
    /// `async-safe-defer`: the exit cannot fail or learn how the body ended, and does not run after a panic or a drop.
    SafeDefer,
    /// `cobalt-async`: the exit does not learn how the body ended, and does not run after a drop.
    Cobalt,
    /// `async-dropper-simple`: the exit cannot fail or learn how the body ended, needs a runtime of several threads, and blocks
    /// one of them.
    Dropper,
}

impl Contender {
    pub const ALL: [Self; 9] = [
        Self::Bare,
        Self::ExpertLocal,
        Self::MacroLocal,
        Self::ExpertGuaranteed,
        Self::MacroGuaranteed,
        Self::Scopeguard,
        Self::SafeDefer,
        Self::Cobalt,
        Self::Dropper,
    ];

    /// Those of which instructions are counted: the others use threads, or promise too little for a comparison.
    pub const COUNTED: [Self; 5] =
        [Self::Bare, Self::ExpertLocal, Self::MacroLocal, Self::ExpertGuaranteed, Self::MacroGuaranteed];

    /// The case as this contender writes it, if it can.
    #[must_use]
    pub fn block(self, case: Case) -> Option<Run> {
        match self {
            Self::Bare => Some(bare::block(case)),
            Self::ExpertLocal => Some(by_hand::block::<Local>(case)),
            Self::MacroLocal => Some(macros::block::<Local>(case)),
            Self::ExpertGuaranteed => Some(by_hand::block::<Guaranteed>(case)),
            Self::MacroGuaranteed => Some(macros::block::<Guaranteed>(case)),
            Self::Scopeguard => Some(cleanup_crates::scopeguard::block(case)),
            Self::SafeDefer => cleanup_crates::safe_defer::block(case),
            Self::Cobalt => cleanup_crates::cobalt::block(case),
            Self::Dropper => Some(cleanup_crates::dropper::block(case)),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "bare",
            Self::ExpertLocal => "expert, local",
            Self::MacroLocal => "macro, local",
            Self::ExpertGuaranteed => "expert, guaranteed",
            Self::MacroGuaranteed => "macro, guaranteed",
            Self::Scopeguard => "scopeguard",
            Self::SafeDefer => "async-safe-defer",
            Self::Cobalt => "cobalt-async",
            Self::Dropper => "async-dropper-simple",
        })
    }
}
