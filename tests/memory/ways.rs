//! One block, left in each way.

use std::future::{pending, ready};

use async_with::{ContextManager, LocalAsyncContextManager, Outcome, async_with, set_lost_error_hook, with};

use crate::managers::{Failure, Fault, Guaranteed, Local, Plan, Synchronous, suspend, throw, told};
use crate::{Differences, allocations, panic_thrown_on};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    AtTheEnd,
    WithAnErr,
    Return,
    ReturnAnErr,
    QuestionMark,
    Break,
    Continue,
    BreakOuter,
    ContinueOuter,
    Panic,
    Interrupt,
}

impl Way {
    const ALL: [Self; 11] = [
        Self::AtTheEnd,
        Self::WithAnErr,
        Self::Return,
        Self::ReturnAnErr,
        Self::QuestionMark,
        Self::Break,
        Self::Continue,
        Self::BreakOuter,
        Self::ContinueOuter,
        Self::Panic,
        Self::Interrupt,
    ];

    fn outcome(self) -> Outcome {
        match self {
            Self::AtTheEnd => Outcome::Completed,
            Self::WithAnErr | Self::ReturnAnErr | Self::QuestionMark => Outcome::Failed,
            Self::Return => Outcome::Returned,
            Self::Break | Self::BreakOuter => Outcome::Broke,
            Self::Continue | Self::ContinueOuter => Outcome::Continued,
            Self::Panic => Outcome::Panicked,
            Self::Interrupt => Outcome::Interrupted,
        }
    }

    /// What the way takes without a block.
    fn bare(self) -> usize {
        match self {
            Self::Panic => panic_thrown_on(1),
            Self::Interrupt => {
                let plan = Plan { interrupts: true, ..Plan::pends(0) };
                allocations(|| async move { drop(plan.interrupt()) })
            }
            _ => 0,
        }
    }
}

/// Makes a function with one block, which is left in the given way.
macro_rules! leaver {
    (
        $(#[$attribute:meta])*
        [$($function:tt)*] $name:ident<$protocol:ident> $block:ident!($($asynchronous:ident)?)
        |$way:ident, $pends:ident| { $($wait:tt)* }
    ) => {
        $(#[$attribute])*
        $($function)* $name<M>(manager: impl Fn() -> M, $way: Way, $pends: usize) -> Result<u64, Failure>
        where
            M: $protocol<Value = u64, Error = Failure>,
        {
            let mut turns = 0;
            'outer: loop {
                turns += 1;
                for _ in 0..2 {
                    turns += 1;
                    if turns > 2 {
                        break 'outer;
                    }
                    let block = $block!(manager() as value => $($asynchronous)? {
                        *value += 1;
                        $($wait)*
                        match $way {
                            Way::AtTheEnd => Ok(*value),
                            Way::WithAnErr => Err(Failure(6)),
                            Way::Return => return Ok(7),
                            Way::ReturnAnErr => return Err(Failure(8)),
                            Way::QuestionMark => Err(Failure(9))?,
                            Way::Break => break,
                            Way::Continue => continue,
                            Way::BreakOuter => break 'outer,
                            Way::ContinueOuter => continue 'outer,
                            Way::Panic => throw(),
                            Way::Interrupt => unreachable!("it waits for ever"),
                        }
                    });
                    return block?;
                }
            }
            Ok(10)
        }
    };
}

leaver! {
    [async fn] leave<LocalAsyncContextManager> async_with!() |way, pends| {
        suspend(pends).await;
        if way == Way::Interrupt {
            pending::<()>().await;
        }
    }
}
leaver! { [fn] leave_sync<ContextManager> with!() |way, _pends| {} }
leaver! { [async fn] leave_awaiting<ContextManager> with!(async) |way, pends| { suspend(pends).await; } }

/// Checks blocks that take `own` allocations each.
fn check_asynchronous<M>(kind: &str, own: usize, manager: impl Fn(Plan) -> M)
where
    M: LocalAsyncContextManager<Value = u64, Error = Failure>,
{
    set_lost_error_hook(|_| {});
    let mut differences = Differences::default();
    for way in Way::ALL {
        let bare = way.bare();
        for fault in [Fault::None, Fault::ExitFails] {
            for pends in [0, 2] {
                let plan = Plan { pends, fault, interrupts: way == Way::Interrupt };
                told();
                let got = allocations(|| leave(|| manager(plan), way, pends));
                let what = format!("{kind}, {way:?}, {plan:?}");
                differences.check(&what, &told().1, &Some(way.outcome()));
                differences.check(&what, &got, &(bare + own));
            }
        }
    }
}

fn check_all_ways() {
    check_asynchronous("local", 0, Local::new);
    check_asynchronous("guaranteed", 1, Guaranteed);
}

#[test]
fn each_way_without_a_runtime() {
    check_all_ways();
}

#[tokio::test]
async fn each_way_in_a_runtime() {
    check_all_ways();
}

#[tokio::test]
async fn each_way_in_a_task_of_a_runtime() {
    tokio::spawn(async { check_all_ways() }).await.unwrap();
}

#[test]
fn each_way_out_of_a_synchronous_block() {
    set_lost_error_hook(|_| {});
    let mut differences = Differences::default();
    for way in Way::ALL.into_iter().filter(|way| *way != Way::Interrupt) {
        for fault in [Fault::None, Fault::ExitFails] {
            let manager = || Synchronous(Plan { fault, ..Plan::pends(0) });
            let counts = [
                allocations(|| async { leave_sync(manager, way, 0) }),
                allocations(|| leave_awaiting(manager, way, 0)),
                allocations(|| leave_awaiting(manager, way, 2)),
            ];
            differences.check(format!("{way:?}, {fault:?}"), &told().1, &Some(way.outcome()));
            differences.check(format!("{way:?}, {fault:?}"), &counts, &[way.bare(); 3]);
        }
    }
}

/// Without a word in the body that leads out of it, and with a value that is not an `Err`.
#[test]
fn a_body_that_has_no_way_out_but_its_end() {
    async fn plain<M>(manager: M) -> Result<u64, Failure>
    where
        M: LocalAsyncContextManager<Value = u64, Error = Failure>,
    {
        async_with!(manager as value => { ready(*value).await })
    }
    let plan = Plan::pends(1);
    assert_eq!(allocations(|| plain(Local::new(plan))), 0);
    assert_eq!(allocations(|| plain(Guaranteed(plan))), 1);
}

/// No exit is owed.
#[test]
fn an_enter_that_fails_leaves_nothing_to_allocate_for() {
    let mut differences = Differences::default();
    for pends in [0, 2] {
        let plan = Plan { fault: Fault::EnterFails, ..Plan::pends(pends) };
        told();
        let local = allocations(|| leave(|| Local::new(plan), Way::AtTheEnd, pends));
        let guaranteed = allocations(|| leave(|| Guaranteed(plan), Way::AtTheEnd, pends));
        let synchronous = allocations(|| leave_awaiting(|| Synchronous(plan), Way::AtTheEnd, pends));
        differences.check("exits", &told(), &(0, None));
        differences.check(pends, &[local, guaranteed, synchronous], &[0; 3]);
    }
}

/// The panic is thrown on where it is caught: at the end of the block, and over a guaranteed manager also where the exit is
/// awaited.
#[test]
fn an_exit_that_panics_takes_what_the_panic_takes() {
    let plan = Plan { fault: Fault::ExitPanics, ..Plan::pends(1) };
    let local = allocations(|| leave(|| Local::new(plan), Way::AtTheEnd, 1));
    let guaranteed = allocations(|| leave(|| Guaranteed(plan), Way::AtTheEnd, 1));
    assert_eq!([local, guaranteed], [panic_thrown_on(1), 1 + panic_thrown_on(2)]);
}
