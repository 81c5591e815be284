//! What a run of a program is in Rust: `run.py` has the same for Python.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_with::{set_lost_error_hook, settle};

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
        let mut mixed = (state.seed << 40 ^ u64::from(site) << 16 ^ state.visits[&site])
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
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
    pub(crate) fn reserve(&self, after: u64) -> u64 {
        let mut state = self.state();
        let mut number = state.pauses + after;
        while state.cuts.contains(&number) {
            number += 1;
        }
        state.cuts.push(number);
        number
    }

    pub(crate) fn has_paused(&self, number: u64) -> bool {
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
    pub(crate) fn lost(&self) -> String {
        let lost = std::mem::take(&mut self.state().lost);
        format!("lost [{}]", lost.join(", "))
    }

    pub fn caught(&self, fault: Fault) -> Option<i64> {
        let lost = self.lost();
        self.log(format!("caught {fault}, {lost}"));
        None
    }

    /// Fails with this number, or does not.
    pub(crate) fn attempt(&self, what: &str, number: u32) -> Result<(), Fault> {
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
