//! Runs programs through the macros, by functions that have one block each, whose bodies run the statements in them.

use std::pin::Pin;

use async_with::{AsyncExitStack, async_with, together, with};

use crate::program::{Block, Item, Kind, Plan, Program, Statement, Tail, Way};
use crate::run::{Fault, Run};

/// How statements end, if not by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Go {
    On,
    Return(u32),
    Break(usize),
    Continue(usize),
}

/// Runs a program.
///
/// # Errors
///
/// What it fails with.
///
/// # Panics
///
/// If it does.
pub async fn run(program: &Program, run: &Run) -> Result<u32, Fault> {
    match statements(run, &program.body, &[]).await? {
        Go::Return(number) => Ok(number),
        Go::On => Ok(0),
        Go::Break(_) | Go::Continue(_) => unreachable!("the loop is around it"),
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + 'a>>;

fn statements<'a>(run: &'a Run, statements: &'a [Statement], turns: &'a [usize]) -> Boxed<'a, Go> {
    Box::pin(async move {
        for statement in statements {
            let go = match statement {
                Statement::Await(times) => {
                    run.wait(*times).await;
                    Go::On
                }
                Statement::Leave { turn, way } if turns.last().unwrap_or(&0) == turn => leave(run, *way)?,
                Statement::Leave { .. } => Go::On,
                Statement::Loop { turns: times, body } => repeat(run, *times, body, turns).await?,
                Statement::Block(block) => self::block(run, block, turns).await?,
            };
            if go != Go::On {
                return Ok(go);
            }
        }
        Ok(Go::On)
    })
}

fn leave(run: &Run, way: Way) -> Result<Go, Fault> {
    match way {
        Way::Return => Ok(Go::Return(7)),
        Way::ReturnErr => Err(run.fault("returned")),
        Way::Fail => Err(run.fault("failed")),
        Way::Panic => run.panic("body"),
        Way::Break(level) => Ok(Go::Break(level)),
        Way::Continue(level) => Ok(Go::Continue(level)),
    }
}

async fn repeat(run: &Run, times: usize, body: &[Statement], around: &[usize]) -> Result<Go, Fault> {
    let level = around.len();
    for turn in 0..times {
        run.turn(level, turn);
        match statements(run, body, &[around, &[turn]].concat()).await? {
            Go::Break(target) if target == level => break,
            Go::Continue(target) if target == level => {}
            Go::On => {}
            go => return Ok(go),
        }
    }
    Ok(Go::On)
}

fn tail(run: &Run, tail: &Tail) -> Result<(), Fault> {
    if *tail == Tail::Err { Err(run.fault("tail")) } else { Ok(()) }
}

/// A block as its statement has it. Jumps out of it are labelled or not, by the level of their loop.
macro_rules! block {
    // The value of a body is part of what exits are told: each has its own type.
    ($run:ident, $block:ident, $($rest:tt)*) => {
        if $block.tail == Tail::Unit {
            block!(@with {} $run, $block, $($rest)*)
        } else {
            block!(@with { tail($run, &$block.tail) } $run, $block, $($rest)*)
        }
    };
    (
        @with { $($tail:tt)* } $run:ident, $block:ident, $turns:ident, |$value:ident| $note:expr,
        $macro:ident!($($head:tt)*) => { $($first:tt)* } $($async:ident)?
    ) => {
        // Each shape is a future of its own, for the stack's sake.
        Box::pin(async move {
            let mut left = Go::On;
            'labelled: for () in [()] {
                let $value = $macro!($($head)* => $($async)? {
                    $($first)*
                    left = statements($run, &$block.body, $turns).await?;
                    match left {
                        Go::On => {}
                        Go::Return(_) => return Ok(left),
                        Go::Break(0) => break 'labelled,
                        Go::Break(_) => break,
                        Go::Continue(0) => continue 'labelled,
                        Go::Continue(_) => continue,
                    }
                    $($tail)*
                });
                $note;
                // It was not left by a jump, or that was given up.
                left = Go::On;
            }
            Ok(left)
        })
    };
}

/// A block whose value is a `Result`.
macro_rules! fallible {
    ($run:ident, $block:ident, $turns:ident, $($rest:tt)*) => {
        block!($run, $block, $turns, |value| if $block.leaves { $run.note(&value?) } else { $run.note(&value) }, $($rest)*)
    };
}

fn all<T>(plans: &[Plan], make: impl Fn(&str) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    plans.iter().map(|plan| make(&plan.name)).collect()
}

#[allow(clippy::too_many_lines, reason = "one arm for each shape of a block")]
fn block<'a>(run: &'a Run, block: &'a Block, turns: &'a [usize]) -> Boxed<'a, Go> {
    match block.items.as_slice() {
        [Item::One(Kind::Plain, plan)] => {
            fallible!(run, block, turns, async_with!(run.plain(&plan.name)?) => {})
        }
        [Item::One(Kind::Local, plan)] => {
            fallible!(run, block, turns, async_with!(run.local(&plan.name)?) => {})
        }
        [Item::One(Kind::Suppressing, plan)] => {
            fallible!(run, block, turns, async_with!(run.suppressing(&plan.name)?) => {})
        }
        [Item::One(Kind::Observing, plan)] => {
            fallible!(run, block, turns, async_with!(run.observing(&plan.name)?) => {})
        }
        [Item::One(Kind::Sync, plan)] => {
            fallible!(run, block, turns, with!(run.sync(&plan.name)?) => {} async)
        }
        [Item::One(Kind::Sure, plan)] => {
            block!(run, block, turns, |value| run.note(&value), async_with!(run.sure(&plan.name)?) => {})
        }
        [Item::Maybe(plan)] => {
            let name = plan.as_ref().map(|plan| &plan.name);
            fallible!(run, block, turns, async_with!(name.map(|name| run.plain(name)).transpose()?) => {})
        }
        [Item::List(plans)] => {
            fallible!(run, block, turns, async_with!(all(plans, |name| run.plain(name))?) => {})
        }
        [Item::Tuple(plans)] => {
            let [first, second] = &**plans;
            fallible!(run, block, turns, async_with!((run.plain(&first.name)?, run.plain(&second.name)?)) => {})
        }
        [Item::Together(plans)] => {
            fallible!(run, block, turns, async_with!(together(all(plans, |name| run.plain(name))?)) => {})
        }
        [Item::Stack(plans)] => {
            fallible!(run, block, turns, async_with!(AsyncExitStack::<Fault>::new() as stack) => {
                for plan in plans {
                    drop(stack.enter(run.plain(&plan.name)?).await?);
                }
            })
        }
        [Item::One(_, first), Item::One(_, second)] => {
            fallible!(run, block, turns, async_with!(run.plain(&first.name)?, run.plain(&second.name)?) => {})
        }
        [Item::One(_, first), Item::One(_, second), Item::One(_, third)] => {
            fallible!(
                run,
                block,
                turns,
                async_with!(run.plain(&first.name)?, run.plain(&second.name)?, run.plain(&third.name)?) => {}
            )
        }
        _ => unreachable!("programs that are interpreted are simple"),
    }
}
