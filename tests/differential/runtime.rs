//! What the Rust programs of the differential run on: `runtime.py` has the same for Python.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_with::{
    AsyncContextManager, ContextManager, Interrupt, LocalAsyncContextManager, ObserveError, Outcome, Suppress,
    context, defer, from_fn, set_lost_error_hook, settle,
};

/// How often something fails that can.
const FAULT_PERCENT: u64 = 30;
/// No run is cut at more pauses than this.
const MOST_CUTS: u64 = 12;
/// How many ways each program is taken.
const VARIANTS: u64 = 3;

#[derive(Clone, Debug, PartialEq)]
pub struct Fault(pub u32);

#[derive(Clone, Debug, PartialEq)]
pub struct Odd(pub u32);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Error for Fault {}

impl From<Odd> for Fault {
    fn from(Odd(number): Odd) -> Self {
        Self(number)
    }
}

impl From<Fault> for Odd {
    fn from(Fault(number): Fault) -> Self {
        Self(number)
    }
}

impl From<Infallible> for Fault {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<Infallible> for Odd {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

pub fn fail<T>(number: u32) -> Result<T, Fault> {
    Err(Fault(number))
}

pub async fn fail_late<T>(number: u32) -> Result<T, Odd> {
    Err(Odd(number))
}

/// A `return` that the macros do not see.
#[macro_export]
macro_rules! bail {
    ($number:expr) => {
        return Err($crate::Fault($number).into())
    };
}

/// What the values of all managers are.
#[derive(Debug)]
pub struct Counter {
    pub name: &'static str,
    pub count: i64,
}

#[derive(Default)]
struct State {
    seed: u64,
    events: Vec<String>,
    lost: Vec<String>,
    pauses: u64,
    /// At which pause the future is dropped.
    cut_at: u64,
    /// The pauses at which something is cut.
    cuts: Vec<u64>,
    visits: HashMap<u32, u64>,
    turns: HashMap<u32, u32>,
    driver: Option<Waker>,
}

/// One run of a program.
#[derive(Clone, Default)]
pub struct Run(Arc<Mutex<State>>);

impl Run {
    fn new(seed: u64, cut_at: u64) -> Self {
        Self(Arc::new(Mutex::new(State { seed, cut_at, cuts: vec![cut_at], ..State::default() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn log(&self, event: impl Into<String>) {
        self.state().events.push(event.into());
    }

    /// Decides something, each time anew.
    pub fn chance(&self, site: u32, percent: u64) -> bool {
        let mut state = self.state();
        let visit = state.visits.entry(site).or_default();
        *visit += 1;
        let mut mixed =
            (state.seed << 40 ^ u64::from(site) << 16 ^ state.visits[&site]).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % 100 < percent
    }

    /// Whether a loop takes another turn.
    pub fn turn(&self, site: u32, most: u32) -> bool {
        let mut state = self.state();
        let turns = state.turns.entry(site).or_default();
        *turns = if *turns == most { 0 } else { *turns + 1 };
        *turns > 0
    }

    pub async fn pause(&self, times: u32) {
        for _ in 0..times {
            let mut paused = false;
            poll_fn(|cx| {
                if paused {
                    return Poll::Ready(());
                }
                paused = true;
                let mut state = self.state();
                state.pauses += 1;
                let number = state.pauses;
                state.events.push(format!("pause {number}"));
                if state.cuts.contains(&number) {
                    // It is cut, or interrupted, before anything else goes on.
                    state.driver.as_ref().inspect(|driver| driver.wake_by_ref());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
        }
    }

    /// A pause at which nothing else is cut.
    fn reserve(&self, after: u64) -> u64 {
        let mut state = self.state();
        let mut number = state.pauses + after;
        while state.cuts.contains(&number) {
            number += 1;
        }
        state.cuts.push(number);
        number
    }

    fn has_paused(&self, number: u64) -> bool {
        number > 0 && self.state().pauses >= number
    }

    pub fn add(&self, total: &mut i64, amount: i64) {
        *total += amount;
        self.log(format!("total {total}"));
    }

    #[must_use]
    pub fn used(&self, name: &str, count: i64, amount: i64) -> i64 {
        self.log(format!("{name} is {}", count + amount));
        count + amount
    }

    #[must_use]
    pub fn keep(&self, value: i64) -> i64 {
        value
    }

    pub fn value(&self, name: &str, value: Option<i64>) {
        self.log(value.map_or_else(|| format!("{name} has none"), |value| format!("{name} has {value}")));
    }

    /// Reports what is lost so far.
    fn lost(&self) -> String {
        let lost = std::mem::take(&mut self.state().lost);
        format!("lost [{}]", lost.join(", "))
    }

    pub fn caught(&self, fault: Fault) -> Option<i64> {
        let lost = self.lost();
        self.log(format!("caught {fault}, {lost}"));
        None
    }

    /// Fails with this number, or does not.
    fn attempt(&self, what: &str, number: u32) -> Result<(), Fault> {
        if number > 0 && self.chance(number, FAULT_PERCENT) {
            self.log(format!("{what} fails with {number}"));
            return Err(Fault(number));
        }
        Ok(())
    }

    /// A manager, unless its expression fails.
    pub fn attempted<M>(&self, number: u32, manager: M) -> Result<M, Fault> {
        self.attempt("expression", number)?;
        Ok(manager)
    }

    #[must_use]
    pub fn core(&self, name: &'static str) -> Core {
        Core { run: self.clone(), name, pauses: (0, 0), faults: (0, 0), start: 0 }
    }

    /// An exit of a stack.
    pub fn deferred(
        &self,
        name: &'static str,
        pauses: u32,
        fault: u32,
    ) -> impl FnOnce(Outcome) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + 'static
    {
        let core = self.core(name).pausing(0, pauses).failing(0, fault);
        |outcome| Box::pin(async move { core.leave(0, told(outcome)).await })
    }

    /// A function of a stack, which is told nothing.
    pub fn called(
        &self,
        name: &'static str,
        pauses: u32,
    ) -> impl FnOnce(Outcome) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static {
        let run = self.clone();
        move |_outcome| {
            Box::pin(async move {
                run.log(format!("call {name}"));
                run.pause(pauses).await;
                run.log(format!("called {name}"));
            })
        }
    }
}

/// What both languages know of an outcome.
fn told(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failed => "error",
        Outcome::Cancelled => "cancelled",
        Outcome::Interrupted => "interrupted",
        outcome if outcome.is_success() => "nothing",
        _ => "something else",
    }
}

/// What all managers do.
pub struct Core {
    run: Run,
    name: &'static str,
    pauses: (u32, u32),
    faults: (u32, u32),
    start: i64,
}

impl Core {
    #[must_use]
    pub fn pausing(self, enter: u32, exit: u32) -> Self {
        Self { pauses: (enter, exit), ..self }
    }

    #[must_use]
    pub fn failing(self, enter: u32, exit: u32) -> Self {
        Self { faults: (enter, exit), ..self }
    }

    #[must_use]
    pub fn starting(self, start: i64) -> Self {
        Self { start, ..self }
    }

    fn begin(&self) {
        self.run.log(format!("enter {}", self.name));
    }

    fn begun(&self) -> Result<Counter, Fault> {
        self.run.attempt(&format!("enter {}", self.name), self.faults.0)?;
        self.run.log(format!("entered {}", self.name));
        Ok(Counter { name: self.name, count: self.start })
    }

    async fn enter(&self) -> Result<Counter, Fault> {
        self.begin();
        self.run.pause(self.pauses.0).await;
        self.begun()
    }

    fn end(&self, count: i64, told: &str) {
        self.run.log(format!("exit {} told {told}, with {count}", self.name));
    }

    fn ended(&self) -> Result<(), Fault> {
        self.run.attempt(&format!("exit {}", self.name), self.faults.1)?;
        self.run.log(format!("exited {}", self.name));
        Ok(())
    }

    async fn leave(&self, count: i64, told: &str) -> Result<(), Fault> {
        self.end(count, told);
        self.run.pause(self.pauses.1).await;
        self.ended()
    }

    async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), Fault> {
        assert_eq!(value.name, self.name, "an exit is given the value that its enter gave");
        self.leave(value.count, told(outcome)).await
    }

    #[must_use]
    pub fn unsure(self) -> Unsure {
        Unsure(self)
    }

    #[must_use]
    pub fn sure(self) -> Sure {
        Sure(self)
    }

    #[must_use]
    pub fn odd(self) -> Oddly {
        Oddly(self)
    }

    #[must_use]
    pub fn local(self) -> Local {
        Local(self)
    }

    #[must_use]
    pub fn sync(self) -> Synchronous {
        Synchronous(self)
    }

    #[must_use]
    pub fn limit(self, after: u64, number: u32) -> Limit {
        Limit { core: self, after, number }
    }

    #[must_use]
    pub fn swallow(self, site: u32) -> Swallow {
        Swallow { core: self, site }
    }

    #[must_use]
    pub fn sure_swallow(self, site: u32) -> SureSwallow {
        SureSwallow { core: self, site }
    }

    #[must_use]
    pub fn picky(self, site: u32) -> Picky {
        Picky { core: self, site, even: false }
    }

    #[must_use]
    pub fn observer(self) -> Observer {
        Observer(self)
    }

    pub fn defer(self) -> impl AsyncContextManager<Value = (), Error = Fault> {
        defer(async move |outcome| self.leave(0, told(outcome)).await)
    }

    pub fn by_from_fn(self) -> impl AsyncContextManager<Value = Counter, Error = Fault> {
        let core = Arc::new(self);
        let entering = Arc::clone(&core);
        from_fn(
            move || async move { entering.enter().await },
            move |value: Counter, outcome| async move { core.leave(value.count, told(outcome)).await },
        )
    }

    pub fn by_context(self) -> impl AsyncContextManager<Value = Counter, Error = Fault> {
        context(move |body| async move {
            let value = self.enter().await?;
            let (value, done) = body.run(value).await;
            self.leave(value.count, told(done.outcome())).await?;
            Ok(done)
        })
    }
}

/// A manager that is no more than its core, under another trait or with another error.
macro_rules! manager {
    ($trait:ident for $name:ident: $error:ident, |$failed:ident| $convert:expr) => {
        pub struct $name(Core);

        impl $trait for $name {
            type Value = Counter;
            type Error = $error;

            async fn enter(&mut self) -> Result<Counter, $error> {
                self.0.enter().await.map_err(|$failed| $convert)
            }

            async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), $error> {
                self.0.exit(value, outcome).await.map_err(|$failed| $convert)
            }

            manager!(@abandon $trait);
        }
    };
    (@abandon LocalAsyncContextManager) => {
        fn abandon(self, value: Counter) {
            self.0.run.log(format!("abandon {}, with {}", self.0.name, value.count));
        }
    };
    (@abandon AsyncContextManager) => {};
}

manager!(AsyncContextManager for Unsure: Fault, |fault| fault);
manager!(AsyncContextManager for Oddly: Odd, |fault| fault.into());
manager!(AsyncContextManager for Sure: Infallible, |fault| unreachable!("{fault}"));
manager!(AsyncContextManager for Observer: Infallible, |fault| unreachable!("{fault}"));
manager!(LocalAsyncContextManager for Local: Fault, |fault| fault);

pub struct Synchronous(Core);

impl ContextManager for Synchronous {
    type Value = Counter;
    type Error = Fault;

    fn enter(&mut self) -> Result<Counter, Fault> {
        self.0.begin();
        self.0.begun()
    }

    fn exit(self, value: Counter, outcome: Outcome) -> Result<(), Fault> {
        self.0.end(value.count, told(outcome));
        self.0.ended()
    }
}

impl ObserveError for Observer {
    fn observe(&mut self, _value: &mut Counter, error: &(dyn Error + 'static)) {
        self.0.run.log(format!("{} observes {error}", self.0.name));
    }
}

/// Swallows failures, or does not.
pub struct Swallow {
    core: Core,
    site: u32,
}

/// The same, which cannot fail.
pub struct SureSwallow {
    core: Core,
    site: u32,
}

/// Swallows some of the errors with even numbers.
pub struct Picky {
    core: Core,
    site: u32,
    even: bool,
}

fn swallows(core: &Core, site: u32) -> bool {
    let swallows = core.run.chance(site, 70);
    if swallows {
        let lost = core.run.lost();
        core.run.log(format!("{} swallows, {lost}", core.name));
    }
    swallows
}

macro_rules! suppresses {
    ($name:ident: $error:ident, |$failed:ident| $convert:expr, |$manager:ident| $willing:expr) => {
        impl AsyncContextManager for $name {
            type Value = Counter;
            type Error = $error;

            async fn enter(&mut self) -> Result<Counter, $error> {
                self.core.enter().await.map_err(|$failed| $convert)
            }

            async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), $error> {
                self.core.exit(value, outcome).await.map_err(|$failed| $convert)
            }
        }

        impl Suppress for $name {
            fn suppress(&mut self, _value: &mut Counter, outcome: Outcome) -> bool {
                let $manager = &*self;
                outcome == Outcome::Failed && $willing && swallows(&self.core, self.site)
            }
        }
    };
}

suppresses!(Swallow: Fault, |fault| fault, |_manager| true);
suppresses!(SureSwallow: Infallible, |fault| unreachable!("{fault}"), |_manager| true);
suppresses!(Picky: Fault, |fault| fault, |manager| manager.even);

impl ObserveError for Picky {
    fn observe(&mut self, _value: &mut Counter, error: &(dyn Error + 'static)) {
        self.core.run.log(format!("{} observes {error}", self.core.name));
        self.even = error.downcast_ref::<Fault>().is_some_and(|Fault(number)| number % 2 == 0);
    }
}

/// Interrupts its body after some pauses.
pub struct Limit {
    core: Core,
    after: u64,
    number: u32,
}

impl AsyncContextManager for Limit {
    type Value = Counter;
    type Error = Fault;

    async fn enter(&mut self) -> Result<Counter, Fault> {
        self.core.enter().await
    }

    async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), Fault> {
        if outcome == Outcome::Interrupted {
            let lost = self.core.run.lost();
            self.core.run.log(format!("{} is over, {lost}", self.core.name));
        }
        self.core.exit(value, outcome).await
    }

    fn interrupt(&self, _value: &Counter) -> Interrupt<Fault> {
        let (run, number) = (self.core.run.clone(), self.number);
        let at = run.reserve(self.after);
        Interrupt::when(poll_fn(move |_| if run.has_paused(at) { Poll::Ready(Fault(number)) } else { Poll::Pending }))
    }
}

/// Polls a program until it ends or is cut.
async fn drive(run: Run, program: impl Future<Output = Result<i64, Fault>>) -> Option<Result<i64, Fault>> {
    let mut program = pin!(program);
    let cut_at = run.state().cut_at;
    poll_fn(move |cx| {
        run.state().driver = Some(cx.waker().clone());
        if run.has_paused(cut_at) {
            return Poll::Ready(None);
        }
        match program.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            // Before anything else goes on.
            Poll::Pending if run.has_paused(cut_at) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Runs a program once and prints what came of it.
fn run_once<F>(runtime: &tokio::runtime::Runtime, run: &Run, program: F)
where
    F: Future<Output = Result<i64, Fault>> + Send + 'static,
{
    let hook = run.clone();
    set_lost_error_hook(move |lost| {
        let error = format!("{:?}", lost.error());
        let number = error.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches(')');
        hook.state().lost.push(if number.is_empty() { error.clone() } else { number.to_owned() });
    });
    // In a task, so that it and detached exits take turns in a fixed order.
    let driven = drive(run.clone(), program);
    let ended = runtime.block_on(async {
        let whole = async {
            let ended = tokio::spawn(driven).await;
            settle().await;
            ended
        };
        tokio::time::timeout(Duration::from_secs(60), whole).await
    });
    let lost = run.lost();
    run.log(match ended {
        Ok(Ok(Some(Ok(value)))) => format!("returned {value}, {lost}"),
        Ok(Ok(Some(Err(fault)))) => format!("raised {fault}, {lost}"),
        Ok(Ok(None)) => format!("cut, {lost}"),
        Ok(Err(panicked)) => format!("panicked: {panicked}"),
        Err(_) => "hangs".to_owned(),
    });
    println!("{}", run.state().events.join("\n"));
}

/// Runs a program in all its variants: whole, and cut at each of its first pauses.
pub fn run<F, P>(number: u32, cuts: bool, program: P)
where
    P: Fn(Run) -> F,
    F: Future<Output = Result<i64, Fault>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for variant in 1..=VARIANTS {
        let whole = Run::new(variant, 0);
        println!("# program {number}, variant {variant}, whole");
        run_once(&runtime, &whole, program(whole.clone()));
        let pauses = whole.state().pauses.min(MOST_CUTS);
        for pause in 1..=if cuts { pauses } else { 0 } {
            let cut = Run::new(variant, pause);
            println!("# program {number}, variant {variant}, cut at pause {pause}");
            run_once(&runtime, &cut, program(cut.clone()));
        }
    }
}
