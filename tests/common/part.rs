//! Managers that follow a plan, alone, together or nested, and what holds of every run of them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::task::Poll;

use async_with::{AsyncContextManager, Interrupt, Outcome, async_with, set_lost_error_hook, settle};

use super::log::Lost;
use super::trace::{Trace, poll_once, yield_once};

/// What a part fails with, and what it panics with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Succeeds,
    Fails,
    Panics,
}

/// An enter or an exit: how often it suspends, and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub pends: usize,
    pub end: End,
}

impl Step {
    pub const fn new(pends: usize, end: End) -> Self {
        Self { pends, end }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub enter: Step,
    pub exit: Step,
    /// After how many polls of the body the part interrupts it.
    pub interrupts: Option<usize>,
}

impl Plan {
    pub const fn ok() -> Self {
        Self::ends(End::Succeeds, End::Succeeds)
    }

    pub const fn ends(enter: End, exit: End) -> Self {
        Self { enter: Step::new(1, enter), exit: Step::new(1, exit), interrupts: None }
    }
}

/// What the parts of one run share.
#[derive(Clone)]
pub struct Run {
    id: usize,
    pub trace: Trace,
}

/// What the lost-error hook was told, by run.
static LOST: Mutex<BTreeMap<usize, Vec<Lost>>> = Mutex::new(BTreeMap::new());

/// The key of what was lost outside runs.
const NO_RUN: usize = usize::MAX;

/// What was lost outside runs. To be called after [`install_hook`].
pub fn lost_outside_runs() -> Vec<Lost> {
    LOST.lock().unwrap().get(&NO_RUN).cloned().unwrap_or_default()
}

/// Do not mix it with the hooks of the other modules: there is one in a process.
pub fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // The panics of plans are not announced: there are thousands.
        let announce = take_hook();
        set_hook(Box::new(move |info| {
            if !info.payload().downcast_ref::<String>().is_some_and(|text| text.starts_with('#')) {
                announce(info);
            }
        }));
        set_lost_error_hook(|lost| {
            let error = format!("{:?}", lost.error());
            let id = error.split('#').nth(1).and_then(|rest| rest.split(' ').next());
            let id = id.and_then(|id| id.parse().ok()).unwrap_or(NO_RUN);
            LOST.lock().unwrap().entry(id).or_default().push(Lost {
                manager: lost.manager(),
                file: lost.location().file(),
                line: lost.location().line(),
                outcome: lost.outcome(),
                error,
            });
        });
    });
}

impl Run {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        install_hook();
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), trace: Trace::new() }
    }

    pub fn fault(&self, text: &str) -> Fault {
        Fault(format!("#{} {text} fault", self.id))
    }

    pub fn part(&self, name: impl Into<String>, plan: Plan) -> Part {
        Part { name: name.into(), run: self.clone(), plan }
    }

    /// Parts named A, B, C, ….
    pub fn parts(&self, plans: &[Plan]) -> Vec<Part> {
        plans.iter().zip('A'..).map(|(plan, name)| self.part(name, *plan)).collect()
    }

    pub fn lost(&self) -> Vec<Lost> {
        LOST.lock().unwrap().get(&self.id).cloned().unwrap_or_default()
    }

    /// The texts of the faults that were lost, in alphabetical order.
    pub fn lost_faults(&self) -> Vec<String> {
        let mut faults: Vec<_> = self.lost().iter().map(|lost| bare(&lost.error)).collect();
        faults.sort();
        faults
    }

    pub fn events(&self) -> Vec<String> {
        self.trace.events()
    }

    /// The first words of what was recorded of enters and exits.
    #[track_caller]
    pub fn expect(&self, events: &[&str]) {
        let boring = |event: &&String| !event.starts_with("over ") && !event.starts_with("exited ");
        assert_eq!(self.events().iter().filter(boring).collect::<Vec<_>>(), events);
    }
}

/// A fault without what tells its run: `A exit`.
pub fn bare(text: &str) -> String {
    let text = text.split('#').nth(1).unwrap_or(text);
    text.split_once(' ').map_or(text, |(_, text)| text).split(" fault").next().unwrap().to_owned()
}

/// Records `enter A`, `entered A`, `exit A: completed`, `exited A`, and `over A` when the exit is gone.
pub struct Part {
    name: String,
    run: Run,
    plan: Plan,
}

impl Part {
    async fn step(&self, step: Step, what: &str) -> Result<(), Fault> {
        for _ in 0..step.pends {
            yield_once().await;
        }
        let text = format!("{} {what}", self.name);
        match step.end {
            End::Succeeds => Ok(()),
            End::Fails => {
                self.run.trace.log(format!("failed {text}"));
                Err(self.run.fault(&text))
            }
            End::Panics => {
                self.run.trace.log(format!("failed {text}"));
                panic_any(format!("{}", self.run.fault(&text)))
            }
        }
    }
}

impl AsyncContextManager for Part {
    type Value = String;
    type Error = Fault;

    async fn enter(&mut self) -> Result<String, Fault> {
        self.run.trace.log(format!("enter {}", self.name));
        self.step(self.plan.enter, "enter").await?;
        self.run.trace.log(format!("entered {}", self.name));
        Ok(self.name.clone())
    }

    async fn exit(self, value: String, outcome: Outcome) -> Result<(), Fault> {
        assert_eq!(value, self.name, "the value of another part");
        self.run.trace.log(format!("exit {}: {outcome}", self.name));
        let _over = scopeguard::guard((), |()| self.run.trace.log(format!("over {}", self.name)));
        self.step(self.plan.exit, "exit").await?;
        self.run.trace.log(format!("exited {}", self.name));
        Ok(())
    }

    fn interrupt(&self, _value: &String) -> Interrupt<Fault> {
        let Some(polls) = self.plan.interrupts else { return Interrupt::never() };
        let fault = self.run.fault(&format!("{} interrupt", self.name));
        Interrupt::when(async move {
            for _ in 0..polls {
                yield_once().await;
            }
            fault
        })
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    AtTheEnd,
    Return,
    Fail,
    Break,
    Continue,
    Panic,
    Never,
}

impl Leave {
    pub const ALL: [Self; 6] =
        [Self::AtTheEnd, Self::Return, Self::Fail, Self::Break, Self::Continue, Self::Panic];

    pub fn outcome(self) -> Outcome {
        match self {
            Self::AtTheEnd => Outcome::Completed,
            Self::Return => Outcome::Returned,
            Self::Fail => Outcome::Failed,
            Self::Break => Outcome::Broke,
            Self::Continue => Outcome::Continued,
            Self::Panic => Outcome::Panicked,
            Self::Never => Outcome::Interrupted,
        }
    }
}

/// Suspends twice, and says how to leave.
pub async fn body(run: &Run, leave: Leave) -> Result<Leave, Fault> {
    run.trace.log("body");
    yield_once().await;
    yield_once().await;
    match leave {
        Leave::Fail => Err(run.fault("body")),
        Leave::Panic => panic_any(run.fault("body").0),
        Leave::Never => std::future::pending().await,
        _ => Ok(leave),
    }
}

/// A block over `manager` that is left as `inner` says.
pub async fn block<M>(manager: M, inner: impl Future<Output = Result<Leave, Fault>>) -> Result<Leave, Fault>
where
    M: AsyncContextManager<Error = Fault>,
{
    let mut left = Leave::AtTheEnd;
    let mut inner = Some(inner);
    for manager in [manager] {
        async_with!(manager => {
            left = inner.take().unwrap().await?;
            match left {
                Leave::Return => return Ok(left),
                Leave::Break => break,
                Leave::Continue => continue,
                _ => {}
            }
        })?;
    }
    Ok(left)
}

/// A block for each part, each nested in the one before it.
pub async fn nested(
    mut parts: std::vec::IntoIter<Part>,
    inner: impl Future<Output = Result<Leave, Fault>>,
) -> Result<Leave, Fault> {
    match parts.next() {
        Some(part) => {
            block(part, Box::pin(nested(parts, inner)) as std::pin::Pin<Box<dyn Future<Output = _>>>).await
        }
        None => inner.await,
    }
}

/// How a run ended: what panicked is an `Err` of an `Err`.
pub type Ended = Result<Result<Leave, String>, String>;

/// Polls at most `polls` times, and drops the future; what it gave, if it ended. Detached exits, for which it may wait, go on
/// between the polls.
pub async fn drive(future: impl Future<Output = Result<Leave, Fault>>, polls: usize) -> Option<Ended> {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        match catch_unwind(AssertUnwindSafe(|| poll_once(future.as_mut()))) {
            Ok(Poll::Pending) => tokio::task::yield_now().await,
            Ok(Poll::Ready(result)) => return Some(Ok(result.map_err(|fault| bare(&fault.0)))),
            Err(payload) => {
                return Some(Err(bare(payload.downcast_ref::<String>().expect("a panic of the plan"))));
            }
        }
    }
    None
}

/// Every exit was told, once, for every enter, and ran until it was over.
pub fn check_exactly_once(events: &[String], what: &str) {
    let names = |kind: &str| {
        let mut names: Vec<_> = events
            .iter()
            .filter_map(|event| event.strip_prefix(kind))
            .map(|rest| rest.split(':').next().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("entered "), names("exit "), "{what}: {events:#?}");
    assert_eq!(names("exit "), names("over "), "{what}: {events:#?}");
    let mut ended = names("exited ");
    ended.extend(failed_exits(events).into_iter().map(|fault| fault.split(' ').next().unwrap().to_owned()));
    ended.sort();
    assert_eq!(names("exit "), ended, "{what}: an exit was dropped half-way: {events:#?}");
}

/// No exit starts before those nested in it are over.
pub fn check_lifo(events: &[String], what: &str) {
    let (mut owed, mut running) = (Vec::new(), None);
    for event in events {
        if let Some(name) = event.strip_prefix("entered ") {
            assert_eq!(running, None, "{what}: {events:#?}");
            owed.push(name);
        } else if let Some(told) = event.strip_prefix("exit ") {
            let (name, _) = told.split_once(": ").unwrap();
            assert_eq!(running, None, "{what}, {event}: another exit was still running: {events:#?}");
            assert_eq!(owed.pop(), Some(name), "{what}, {event}: not the innermost: {events:#?}");
            running = Some(name);
        } else if let Some(name) = event.strip_prefix("over ") {
            assert_eq!(running.take(), Some(name), "{what}, {event}: {events:#?}");
        }
    }
}

/// The exits that failed or panicked, in alphabetical order: `A exit`.
pub fn failed_exits(events: &[String]) -> Vec<String> {
    let mut failed: Vec<_> = events
        .iter()
        .filter_map(|event| event.strip_prefix("failed "))
        .filter(|fault| fault.ends_with(" exit"))
        .map(str::to_owned)
        .collect();
    failed.sort();
    failed
}

/// Each exit that failed was reported, once: as the result or to the hook.
pub fn check_nothing_lost(run: &Run, ended: Option<&Ended>, what: &str) {
    let mut reported = run.lost_faults();
    reported.retain(|fault| fault.ends_with(" exit"));
    if let Some(Ok(Err(fault)) | Err(fault)) = ended {
        if fault.ends_with(" exit") {
            reported.push(fault.clone());
        }
    }
    reported.sort();
    assert_eq!(failed_exits(&run.events()), reported, "{what}: {:#?}", run.events());
}

/// What came of a run.
pub struct Came {
    pub ended: Option<Ended>,
    pub before: Vec<String>,
    pub events: Vec<String>,
    pub run: Run,
}

/// Runs what `make` gives for at most `polls` polls, and lets what is detached end.
pub async fn came<F>(make: impl FnOnce(&Run) -> F, polls: usize) -> Came
where
    F: Future<Output = Result<Leave, Fault>>,
{
    let run = Run::new();
    let ended = drive(make(&run), polls).await;
    let before = run.events();
    settle().await;
    let events = run.events();
    Came { ended, before, events, run }
}

/// More than any run here takes.
pub const TO_THE_END: usize = 100_000;

/// Runs it dropped at every poll, and checks what holds whatever was dropped when. A composite is told one outcome when its
/// exit begins: dropped later, it does what it would have done.
pub async fn dropped_at_every_poll<F>(make: impl Fn(&Run) -> F, lifo: bool, what: &str) -> Came
where
    F: Future<Output = Result<Leave, Fault>>,
{
    let whole = came(&make, TO_THE_END).await;
    assert!(whole.ended.is_some(), "{what}: it hangs: {:#?}", whole.events);
    assert_eq!(whole.before, whole.events, "{what}: something is left to do");
    let mut polls = 0;
    loop {
        let what = format!("{what}, dropped after {polls} polls");
        let cut = came(&make, polls).await;
        check_exactly_once(&cut.events, &what);
        if lifo {
            check_lifo(&cut.events, &what);
        }
        let mut gone = false;
        let entering =
            cut.before.iter().any(|event| event.starts_with("failed ") && event.ends_with(" enter"));
        if entering {
            // The enter of the whole is cut, and may be one in which that of a composite has failed.
            let cancelled =
                cut.events.iter().zip(&whole.events).map(|(cut, whole)| match cut.split_once(": ") {
                    Some((exit, "cancelled")) => whole.starts_with(exit),
                    _ => cut == whole,
                });
            assert!(cancelled.eq(vec![true; whole.events.len()]), "{what}: {:#?}", cut.events);
            // A panic that was on its way out has gone with the future; nothing else may.
            gone = cut.ended.is_none() && cut.events.iter().any(|event| event.ends_with(": panicked"));
        } else if cut.before.iter().any(|event| event.starts_with("exit ")) {
            assert_eq!(cut.events, whole.events, "{what}");
        } else {
            assert_eq!(cut.events[..cut.before.len()], whole.events[..cut.before.len()], "{what}");
            for event in &cut.events[cut.before.len()..] {
                assert!(!event.starts_with("enter"), "{what}: entered after the drop: {:#?}", cut.events);
                assert!(!event.starts_with("exit ") || event.ends_with(": cancelled"), "{what}: {event}");
            }
        }
        if !gone {
            check_nothing_lost(&cut.run, cut.ended.as_ref(), &what);
        }
        if cut.ended.is_some() {
            return whole;
        }
        polls += 1;
    }
}
