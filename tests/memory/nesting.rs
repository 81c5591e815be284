//! Blocks in blocks, and blocks over several managers: each takes what it takes alone.

use async_with::{
    AsyncContextManager, LocalAsyncContextManager, ObserveError, Outcome, Suppress, async_with, within,
};

use crate::managers::{Failure, Guaranteed, Local, Plan, Synchronous, suspend, throw, told};
use crate::{Differences, allocations, panic_thrown_on};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    AtTheEnd,
    Return,
    QuestionMark,
    Break,
    Continue,
    Panic,
}

impl Way {
    const ALL: [Self; 6] =
        [Self::AtTheEnd, Self::Return, Self::QuestionMark, Self::Break, Self::Continue, Self::Panic];

    /// What the way takes through this many blocks by itself.
    fn bare(self, blocks: usize) -> usize {
        if self == Self::Panic { panic_thrown_on(blocks) } else { 0 }
    }
}

/// Makes a function whose blocks are left in the given way, all at once.
macro_rules! nest {
    ($name:ident($($manager:ident: $kind:ident),+) |$way:ident, $pends:ident, $outer:lifetime| $nest:expr) => {
        async fn $name<$($kind),+>(
            $($manager: impl Fn() -> $kind,)+
            $way: Way,
            $pends: usize,
        ) -> Result<u64, Failure>
        where
            $($kind: LocalAsyncContextManager<Value = u64, Error = Failure>,)+
        {
            let mut turns = 0;
            $outer: loop {
                turns += 1;
                if turns > 1 {
                    break $outer Ok(0);
                }
                return $nest;
            }
        }
    };
}

nest! {
    two(outer: A, inner: B) |way, pends, 'outer| async_with!(outer() as value => {
        suspend(pends).await;
        let block = async_with!(inner() as nested => {
            suspend(pends).await;
            match way {
                Way::AtTheEnd => *nested,
                Way::Return => return Ok(1),
                Way::QuestionMark => Err(Failure(1))?,
                Way::Break => break 'outer Ok(2),
                Way::Continue => continue 'outer,
                Way::Panic => throw(),
            }
        })?;
        suspend(pends).await;
        *value + block
    })
}

nest! {
    three(outer: A, middle: B, inner: C) |way, pends, 'outer| async_with!(outer() => {
        async_with!(middle() => {
            suspend(pends).await;
            async_with!(inner() as nested => {
                suspend(pends).await;
                match way {
                    Way::AtTheEnd => *nested,
                    Way::Return => return Ok(1),
                    Way::QuestionMark => Err(Failure(1))?,
                    Way::Break => break 'outer Ok(2),
                    Way::Continue => continue 'outer,
                    Way::Panic => throw(),
                }
            })?
        })?
    })
}

nest! {
    items(first: A, second: B, third: C) |way, pends, 'outer| async_with!(first() as a, second() as b, third() as c => {
        suspend(pends).await;
        match way {
            Way::AtTheEnd => *a + *b + *c,
            Way::Return => return Ok(1),
            Way::QuestionMark => Err(Failure(1))?,
            Way::Break => break 'outer Ok(2),
            Way::Continue => continue 'outer,
            Way::Panic => throw(),
        }
    })
}

const PENDS: [usize; 2] = [0, 2];

/// Counts for each kind of `$outer` around each kind of `$inner`, in each way.
macro_rules! check {
    ($differences:ident, $blocks:literal, $own:expr, |$way:ident, $pends:ident| $leave:expr) => {
        for $way in Way::ALL {
            for $pends in PENDS {
                let what = format!("{}, {:?}, suspended {} times", stringify!($leave), $way, $pends);
                $differences.check(what, &allocations(|| $leave), &($way.bare($blocks) + $own));
            }
        }
    };
}

fn local(pends: usize) -> impl Fn() -> Local {
    move || Local::new(Plan::pends(pends))
}

fn guaranteed(pends: usize) -> impl Fn() -> Guaranteed {
    move || Guaranteed(Plan::pends(pends))
}

fn check_nested() {
    let mut differences = Differences::default();
    check!(differences, 2, 0, |way, pends| two(local(pends), local(pends), way, pends));
    check!(differences, 2, 1, |way, pends| two(local(pends), guaranteed(pends), way, pends));
    check!(differences, 2, 1, |way, pends| two(guaranteed(pends), local(pends), way, pends));
    check!(differences, 2, 2, |way, pends| two(guaranteed(pends), guaranteed(pends), way, pends));
    check!(differences, 3, 0, |way, pends| three(local(pends), local(pends), local(pends), way, pends));
    check!(differences, 3, 2, |way, pends| three(
        guaranteed(pends),
        local(pends),
        guaranteed(pends),
        way,
        pends
    ));
    check!(differences, 3, 1, |way, pends| three(local(pends), guaranteed(pends), local(pends), way, pends));
    check!(differences, 3, 3, |way, pends| three(
        guaranteed(pends),
        guaranteed(pends),
        guaranteed(pends),
        way,
        pends
    ));
}

#[test]
fn nested_blocks_without_a_runtime() {
    check_nested();
}

#[tokio::test]
async fn nested_blocks_in_a_runtime() {
    check_nested();
}

#[tokio::test]
async fn nested_blocks_in_a_task_of_a_runtime() {
    tokio::spawn(async { check_nested() }).await.unwrap();
}

#[test]
fn several_items() {
    let mut differences = Differences::default();
    check!(differences, 3, 0, |way, pends| items(local(pends), local(pends), local(pends), way, pends));
    check!(differences, 3, 1, |way, pends| items(local(pends), guaranteed(pends), local(pends), way, pends));
    check!(differences, 3, 3, |way, pends| items(
        guaranteed(pends),
        guaranteed(pends),
        guaranteed(pends),
        way,
        pends
    ));
}

#[test]
fn blocks_one_after_the_other_in_a_block() {
    async fn sequence<M: LocalAsyncContextManager<Value = u64, Error = Failure>>(
        manager: impl Fn() -> M,
        times: usize,
    ) -> Result<(), Failure> {
        async_with!(manager() => {
            for _ in 0..times {
                async_with!(manager() => { suspend(1).await })?;
            }
        })
    }
    let counts = [0, 1, 10].map(|times| {
        told();
        let local = allocations(|| sequence(local(1), times));
        (local, allocations(|| sequence(guaranteed(1), times)))
    });
    assert_eq!(counts, [(0, 1), (0, 2), (0, 11)]);
}

#[test]
fn blocks_side_by_side_in_a_block() {
    async fn beside<M: LocalAsyncContextManager<Value = u64, Error = Failure>>(
        manager: impl Fn() -> M,
    ) -> Result<(), Failure> {
        async_with!(manager() => {
            let (left, right) = futures::join!(
                async { async_with!(manager() => { suspend(3).await }) },
                async { async_with!(manager() => { suspend(1).await }) },
            );
            left.and(right)?;
        })
    }
    assert_eq!([allocations(|| beside(local(1))), allocations(|| beside(guaranteed(1)))], [0, 3]);
}

/// A synchronous block has its place among the others too.
#[test]
fn synchronous_blocks_in_asynchronous_ones_and_the_other_way_round() {
    let synchronous = || Synchronous(Plan::pends(0));
    let inside = || async {
        async_with!(guaranteed(1)() => { async_with::with!(synchronous() as value => { *value }) })
    };
    let around = || async {
        async_with::with!(synchronous() => async { async_with!(guaranteed(1)() as value => { *value }) })
    };
    assert_eq!([allocations(inside), allocations(around)], [1, 1]);
}

/// Enters and exits through a block of its own.
struct Wrapping(Plan);

impl LocalAsyncContextManager for Wrapping {
    type Value = u64;
    type Error = Failure;

    async fn enter(&mut self) -> Result<u64, Failure> {
        async_with!(Local::new(self.0) as value => { *value })
    }

    async fn exit(self, _value: u64, _outcome: Outcome) -> Result<(), Failure> {
        async_with!(Guaranteed(self.0) => { suspend(1).await })
    }
}

#[test]
fn blocks_in_enter_and_exit_take_what_they_take_alone() {
    let wrapping = || async { async_with!(Wrapping(Plan::pends(1)) as value => { *value }) };
    assert_eq!(allocations(wrapping), 1);
}

/// Looks at errors, and swallows them.
struct Careful(Guaranteed);

impl AsyncContextManager for Careful {
    type Value = u64;
    type Error = Failure;

    async fn enter(&mut self) -> Result<u64, Failure> {
        AsyncContextManager::enter(&mut self.0).await
    }

    async fn exit(self, value: u64, outcome: Outcome) -> Result<(), Failure> {
        AsyncContextManager::exit(self.0, value, outcome).await
    }
}

impl ObserveError for Careful {
    fn observe(&mut self, value: &mut u64, error: &(dyn std::error::Error + 'static)) {
        *value += u64::from(error.is::<std::fmt::Error>());
    }
}

impl Suppress for Careful {
    fn suppress(&mut self, _value: &mut u64, outcome: Outcome) -> bool {
        outcome == Outcome::Failed
    }
}

#[test]
fn observing_and_swallowing_an_error_takes_nothing_more() {
    #[derive(Debug, thiserror::Error)]
    enum Any {
        #[error(transparent)]
        Format(#[from] std::fmt::Error),
        #[error("{0:?}")]
        Manager(Failure),
    }
    impl From<Failure> for Any {
        fn from(failure: Failure) -> Self {
            Self::Manager(failure)
        }
    }
    async fn careful() -> Result<Option<u64>, Any> {
        let block = async_with!(Careful(guaranteed(1)()) as value => {
            suspend(1).await;
            Err(std::fmt::Error)?;
            *value
        })?;
        Ok(block)
    }
    assert_eq!(allocations(careful), 1);
}

#[test]
fn the_block_of_a_function_takes_what_another_one_does() {
    #[within(guaranteed(1)() as value)]
    async fn function() -> Result<u64, Failure> {
        suspend(1).await;
        Ok(*value)
    }
    assert_eq!(allocations(function), 1);
}
