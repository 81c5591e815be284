//! Managers that follow a plan, alone, together or nested, and runs of them.

pub mod checks;

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

    /// Each way in which three parts that are not interrupted can fare.
    pub fn fates() -> impl Iterator<Item = [Self; 3]> {
        const FATES: [Plan; 5] = [
            Plan::ok(),
            Plan::ends(End::Fails, End::Succeeds),
            Plan::ends(End::Panics, End::Succeeds),
            Plan::ends(End::Succeeds, End::Fails),
            Plan::ends(End::Succeeds, End::Panics),
        ];
        (0..125).map(|n| [FATES[n / 25], FATES[n / 5 % 5], FATES[n % 5]])
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

    /// Three of them.
    pub fn three(&self, plans: &[Plan; 3]) -> [Part; 3] {
        self.parts(plans).try_into().ok().unwrap()
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
