//! A nest of three blocks, dropped at every poll, and with a panic at every step.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use async_with::{AsyncContextManager, Interrupt, LocalAsyncContextManager, Outcome, async_with, settle};

use crate::common::part::checks::check_lifo;
use crate::common::trace::{Trace, poll_once, yield_once};

const NAMES: [&str; 3] = ["A", "B", "C"];

/// What the whole nest shares.
#[derive(Clone)]
struct Run {
    trace: Trace,
    /// How many steps are left until one panics.
    fuse: Arc<AtomicUsize>,
}

#[derive(Debug, PartialEq)]
struct Blown;

impl Run {
    fn new(fuse: usize) -> Self {
        Self { trace: Trace::new(), fuse: Arc::new(AtomicUsize::new(fuse)) }
    }

    /// Two places to be dropped at, and three to panic at.
    async fn steps(&self) {
        self.step();
        yield_once().await;
        self.step();
        yield_once().await;
        self.step();
    }

    fn step(&self) {
        if self.fuse.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.trace.log("panic");
            panic_any(Blown);
        }
    }
}

/// Enter and exit suspend twice.
struct Guaranteed {
    name: &'static str,
    run: Run,
    interrupts: bool,
}

impl Guaranteed {
    fn new(name: &'static str, run: &Run) -> Self {
        Self { name, run: run.clone(), interrupts: false }
    }

    async fn run_enter(&self) {
        self.run.steps().await;
        self.run.trace.log(format!("entered {}", self.name));
    }

    async fn run_exit(&self, outcome: Outcome) {
        self.run.trace.log(format!("exit {}: {outcome}", self.name));
        // It says when it is over, be it by the end, a panic, or a drop.
        let _over = scopeguard::guard((), |()| self.run.trace.log(format!("over {}", self.name)));
        self.run.steps().await;
        self.run.trace.log(format!("exited {}", self.name));
    }
}

impl AsyncContextManager for Guaranteed {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        self.run_enter().await;
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.run_exit(outcome).await;
        Ok(())
    }
}

struct Local(Guaranteed);

impl LocalAsyncContextManager for Local {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        self.0.run_enter().await;
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.run_exit(outcome).await;
        Ok(())
    }

    fn abandon(self, _value: ()) {
        self.0.run.trace.log(format!("abandon {}", self.0.name));
    }
}

/// Its interrupt comes at the third poll of the body.
struct Interrupting(Guaranteed);

impl AsyncContextManager for Interrupting {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.run_enter().await;
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.run_exit(outcome).await;
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        if !self.0.interrupts {
            return Interrupt::never();
        }
        Interrupt::when(async {
            yield_once().await;
            yield_once().await;
            "interrupted"
        })
    }
}

/// How the innermost body ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leave {
    AtTheEnd,
    Return,
    Fail,
    Break,
    Continue,
    Panic,
    Interrupt,
}

async fn nest(run: &Run, leave: Leave) -> Result<(), &'static str> {
    for turn in 0.. {
        async_with!(Guaranteed::new("A", run) => {
            run.steps().await;
            async_with!(Guaranteed::new("B", run) => {
                run.steps().await;
                let interrupts = leave == Leave::Interrupt;
                async_with!(Interrupting(Guaranteed { interrupts, ..Guaranteed::new("C", run) }) => {
                    run.steps().await;
                    match leave {
                        Leave::AtTheEnd => {}
                        Leave::Return => return Ok(()),
                        Leave::Fail => Err("failed")?,
                        Leave::Break => break,
                        Leave::Continue => {
                            if turn == 0 {
                                continue;
                            }
                        }
                        Leave::Panic => panic_any(Blown),
                        Leave::Interrupt => pending().await,
                    }
                    run.steps().await;
                })?;
                run.steps().await;
            });
            run.steps().await;
        });
        break;
    }
    Ok(())
}

async fn nest_of<A, B, C>(run: &Run, managers: (A, B, C))
where
    A: LocalAsyncContextManager<Value = (), Error = Infallible>,
    B: LocalAsyncContextManager<Value = (), Error = Infallible>,
    C: LocalAsyncContextManager<Value = (), Error = Infallible>,
{
    let (a, b, c) = managers;
    async_with!(a => {
        run.steps().await;
        async_with!(b => {
            run.steps().await;
            async_with!(c => { run.steps().await });
            run.steps().await;
        });
        run.steps().await;
    });
}

/// Polls `future` up to `polls` times and drops it; whether it ended.
fn drive(future: impl Future, polls: usize) -> bool {
    let mut future = Box::pin(future);
    (0..polls).any(|_| {
        let polled = catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut())));
        match polled {
            Ok(polled) => polled.is_ready(),
            Err(payload) => {
                assert_eq!(payload.downcast_ref(), Some(&Blown));
                true
            }
        }
    })
}

fn count(events: &[String], event: &str) -> usize {
    events.iter().filter(|known| known.starts_with(event)).count()
}

/// Every exit was told, once, for every enter; and no exit starts before those nested in it are over.
fn check_exactly_once_and_lifo(events: &[String], what: &str) {
    check_lifo(events, what);
    // Each of them was the next one of the innermost, so that it is enough to count.
    let [entered, told, over] = ["entered ", "exit ", "over "].map(|kind| count(events, kind));
    assert_eq!((entered, told), (told, over), "{what}: {events:?}");
}

#[tokio::test]
async fn dropped_at_every_poll_every_exit_runs_once_and_from_the_inside_out() {
    use Leave::{AtTheEnd, Break, Continue, Fail, Interrupt, Panic, Return};
    for leave in [AtTheEnd, Return, Fail, Break, Continue, Panic, Interrupt] {
        let mut polls = 0;
        loop {
            let run = Run::new(0);
            let ended = drive(nest(&run, leave), polls);
            let before = run.trace.events();
            settle().await;
            let events = run.trace.events();
            let what = format!("{leave:?} after {polls} polls");
            check_exactly_once_and_lifo(&events, &what);
            assert_eq!(
                count(&events, "entered "),
                count(&events, "exited "),
                "{what}: every exit ran to its end"
            );
            // What had begun goes on as it was; whatever begins after the drop is told of it.
            assert_eq!(events[..before.len()], before);
            for event in &events[before.len()..] {
                assert!(!event.starts_with("exit ") || event.ends_with(": cancelled"), "{what}: {events:?}");
            }
            if ended {
                assert_eq!(events, before, "{what}: nothing is left to do");
                break;
            }
            assert_eq!(
                count(&events, "entered "),
                count(&before, "entered "),
                "{what}: nothing is entered any more"
            );
            polls += 1;
        }
        // Three enters and three exits with two suspensions each, and at least the three bodies up to the innermost.
        assert!(polls >= 3 * 2 * 2 + 2 * 2 + 2, "{leave:?}: {polls} polls");
    }
}

/// The same nest with local managers in it; `locals` says which.
async fn dropped_after(polls: usize, locals: [bool; 3]) -> bool {
    let run = Run::new(0);
    let [a, b, c] = NAMES.map(|name| Guaranteed::new(name, &run));
    let [la, lb, lc] = NAMES.map(|name| Local(Guaranteed::new(name, &run)));
    let ended = match locals {
        [false, false, false] => drive(nest_of(&run, (a, b, c)), polls),
        [false, false, true] => drive(nest_of(&run, (a, b, lc)), polls),
        [false, true, false] => drive(nest_of(&run, (a, lb, c)), polls),
        [false, true, true] => drive(nest_of(&run, (a, lb, lc)), polls),
        [true, false, false] => drive(nest_of(&run, (la, b, c)), polls),
        [true, false, true] => drive(nest_of(&run, (la, b, lc)), polls),
        [true, true, false] => drive(nest_of(&run, (la, lb, c)), polls),
        [true, true, true] => drive(nest_of(&run, (la, lb, lc)), polls),
    };
    let before = run.trace.events();
    settle().await;
    let events = run.trace.events();
    let what = format!("locals {locals:?} after {polls} polls: {events:?}");
    for (name, local) in NAMES.into_iter().zip(locals) {
        let entered = count(&events, &format!("entered {name}"));
        let exits = count(&events, &format!("exit {name}"));
        let abandoned = count(&events, &format!("abandon {name}"));
        let ends = count(&events, &format!("exited {name}"));
        assert_eq!(exits + abandoned, entered, "{name}: {what}");
        assert_eq!(count(&events, &format!("over {name}")), exits, "{name}: {what}");
        if local {
            assert_eq!(
                ends,
                count(&before, &format!("exited {name}")),
                "{name} does nothing after the drop: {what}"
            );
            assert_eq!(
                abandoned,
                count(&before, "abandon ").min(abandoned),
                "{name} is abandoned at once: {what}"
            );
        } else {
            assert_eq!((ends, abandoned), (entered, 0), "{name}: {what}");
        }
    }
    // Guaranteed exits still come from the inside out, whatever local managers are between them.
    let guaranteed: Vec<_> = events
        .iter()
        .filter(|event| NAMES.into_iter().zip(locals).any(|(name, local)| !local && event.contains(name)))
        .cloned()
        .collect();
    check_exactly_once_and_lifo(&guaranteed, &what);
    ended
}

#[tokio::test]
async fn dropped_at_every_poll_with_local_managers_among_them() {
    for mix in 0..8 {
        let locals = [mix & 4 != 0, mix & 2 != 0, mix & 1 != 0];
        let mut polls = 0;
        while !dropped_after(polls, locals).await {
            polls += 1;
        }
        assert!(polls >= 3 * 2 * 2 + 5 * 2, "{polls} polls");
    }
}

#[tokio::test]
async fn with_a_panic_at_every_step_every_exit_runs_once_and_from_the_inside_out() {
    let mut fuse = 1;
    loop {
        let run = Run::new(fuse);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut nest = Box::pin(nest(&run, Leave::AtTheEnd));
            loop {
                if let Poll::Ready(result) = poll_once(nest.as_mut()) {
                    break result;
                }
            }
        }));
        let events = run.trace.events();
        let what = format!("a panic at step {fuse}");
        check_exactly_once_and_lifo(&events, &what);
        let Some(at) = events.iter().position(|event| event == "panic") else {
            assert_eq!(result.ok(), Some(Ok(())), "{what}: it has no more steps");
            break;
        };
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&Blown), "{what}");
        // The exit that panicked, if it was one, is cut short; the others run to their end and are told.
        let panicked =
            usize::from(at > 0 && events[at + 1..].first().is_some_and(|next| next.starts_with("over ")));
        assert_eq!(count(&events, "exited ") + panicked, count(&events, "entered "), "{what}: {events:?}");
        assert_eq!(count(&events[at..], "entered "), 0, "{what}: {events:?}");
        for event in &events[at..] {
            assert!(!event.starts_with("exit ") || event.ends_with(": panicked"), "{what}: {events:?}");
        }
        fuse += 1;
    }
    // Three enters, five stretches of body (and one more in the innermost), three exits, of three steps each.
    assert_eq!(fuse - 1, (3 + 6 + 3) * 3);
}

/// A panic at every step, and at each of them the drop at every later poll.
#[tokio::test]
async fn dropped_at_every_poll_after_a_panic_at_every_step() {
    for fuse in 1..=(3 + 6 + 3) * 3 {
        let mut polls = 0;
        loop {
            let run = Run::new(fuse);
            let ended = drive(nest(&run, Leave::AtTheEnd), polls);
            let panicked = run.trace.has("panic");
            // A fuse that is left must not blow in a detached exit: only the drop is at stake there.
            run.fuse.store(0, Ordering::Relaxed);
            settle().await;
            let events = run.trace.events();
            let what = format!("a panic at step {fuse}, dropped after {polls} polls");
            check_exactly_once_and_lifo(&events, &what);
            if !panicked {
                assert_eq!(count(&events, "exited "), count(&events, "entered "), "{what}: {events:?}");
            }
            if ended {
                break;
            }
            polls += 1;
        }
    }
}
