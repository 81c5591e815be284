//! Real runs, on a clock that the harness turns.
//!
//! Whatever suspends waits in a queue, and goes on when the harness releases it: one at a time, when nothing else can go on.
//! So a run takes the same course each time, and can be disturbed at each of its steps.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, set_hook, take_hook};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use async_with::{set_lost_error_hook, settle};

use tokio::task::yield_now;

use crate::program::{End, Item, Plan, Program};
use crate::reference::{Course, Disturbance};

/// What fails in a run.
#[derive(Clone, thiserror::Error)]
#[error("{text}")]
pub struct Fault {
    run: usize,
    text: String,
}

/// It tells its run to the lost-error hook.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {}#", self.run, self.text)
    }
}

/// One run of a program.
#[derive(Clone)]
pub struct Run(Arc<Shared>);

struct Shared {
    id: usize,
    plans: HashMap<String, Plan>,
    state: Mutex<State>,
}

struct State {
    events: Vec<String>,
    released: usize,
    /// What waits to be released, by its ticket.
    waiting: VecDeque<(usize, Waker)>,
    tickets: usize,
    panic_at: Option<usize>,
    /// What panics when it goes on.
    blown: Option<usize>,
}

impl State {
    fn progress(&self) -> (usize, usize) {
        (self.events.len(), self.tickets)
    }
}

static RUNS: Mutex<BTreeMap<usize, Weak<Shared>>> = Mutex::new(BTreeMap::new());

impl Run {
    fn new(program: &Program, disturbance: Disturbance) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        install_hooks();
        let panic_at = if let Disturbance::Panic(at) = disturbance { Some(at) } else { None };
        let state = State {
            events: Vec::new(),
            released: 0,
            waiting: VecDeque::new(),
            tickets: 0,
            panic_at,
            blown: None,
        };
        let plans = program.items().into_iter().flat_map(Item::plans);
        let plans = plans.map(|plan| (plan.name.clone(), plan.clone())).collect();
        let shared =
            Arc::new(Shared { id: NEXT.fetch_add(1, Ordering::Relaxed), plans, state: Mutex::new(state) });
        RUNS.lock().unwrap().insert(shared.id, Arc::downgrade(&shared));
        Self(shared)
    }

    /// How many releases there have been.
    pub(crate) fn released(&self) -> usize {
        self.state().released
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub fn log(&self, event: impl Into<String>) {
        self.state().events.push(event.into());
    }

    pub fn fault(&self, text: impl Into<String>) -> Fault {
        Fault { run: self.0.id, text: text.into() }
    }

    /// Panics, unannounced.
    pub fn panic(&self, text: &str) -> ! {
        panic_any(format!("{:?}", self.fault(text)))
    }

    /// Suspends so many times.
    pub async fn wait(&self, times: usize) {
        for _ in 0..times {
            Suspension { run: self, ticket: None }.await;
        }
    }

    /// Writes a turn of a loop down.
    pub fn turn(&self, level: usize, turn: usize) {
        self.log(format!("turn {level}.{turn}"));
    }

    /// Writes down what a block gave.
    pub fn note(&self, value: &impl Shown) {
        self.log(format!("value {}", value.shown()));
    }

    /// Whether a program leaves in this turn; asked, so that the compiler does not know.
    #[must_use]
    pub fn leaves(&self, turn: usize, when: usize) -> bool {
        turn == when
    }

    pub(crate) fn plan(&self, name: &str) -> Plan {
        self.0.plans[name].clone()
    }

    pub(crate) fn end(&self, name: &str, what: &str, end: End) -> Result<(), Fault> {
        let text = format!("{name} {what}");
        if end != End::Succeeds {
            self.log(format!("failed {text}"));
        }
        match end {
            End::Succeeds => Ok(()),
            End::Fails => Err(self.fault(text)),
            End::Panics => self.panic(&text),
        }
    }

    /// Releases what waits longest; whether anything did.
    fn release(&self) -> bool {
        let waker = {
            let mut state = self.state();
            let Some((ticket, waker)) = state.waiting.pop_front() else { return false };
            state.released += 1;
            if state.panic_at == Some(state.released) {
                state.blown = Some(ticket);
            }
            waker
        };
        waker.wake();
        true
    }
}

/// Waits for one release.
struct Suspension<'a> {
    run: &'a Run,
    ticket: Option<usize>,
}

impl Future for Suspension<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.run.state();
        let Some(ticket) = self.ticket else {
            let ticket = state.tickets;
            state.tickets += 1;
            state.waiting.push_back((ticket, cx.waker().clone()));
            drop(state);
            self.ticket = Some(ticket);
            return Poll::Pending;
        };
        if let Some((_, waker)) = state.waiting.iter_mut().find(|(waiting, _)| *waiting == ticket) {
            waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        let blown = state.blown == Some(ticket);
        drop(state);
        if blown { self.run.panic("blown") } else { Poll::Ready(()) }
    }
}

impl Drop for Suspension<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.run.state().waiting.retain(|(waiting, _)| *waiting != ticket);
        }
    }
}

/// What can be written down.
pub trait Shown {
    fn shown(&self) -> String;
}

impl Shown for () {
    fn shown(&self) -> String {
        "()".to_owned()
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "None".to_owned(), |value| format!("Some({})", value.shown()))
    }
}

impl<T: Shown> Shown for Result<T, Fault> {
    fn shown(&self) -> String {
        match self {
            Ok(value) => format!("Ok({})", value.shown()),
            Err(fault) => format!("Err({fault})"),
        }
    }
}

/// The run that a fault says it is of, and the fault.
fn of_run(text: &str) -> Option<(usize, &str)> {
    let (id, text) = text.split_once('#')?.1.split_once(' ')?;
    Some((id.parse().ok()?, text.split('#').next()?))
}

fn install_hooks() {
    static HOOKS: Once = Once::new();
    HOOKS.call_once(|| {
        // The panics of plans are not announced: there are very many.
        let announce = take_hook();
        set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<String>().is_none_or(|text| of_run(text).is_none()) {
                announce(info);
            }
        }));
        set_lost_error_hook(|lost| {
            let text = format!("{:?}", lost.error());
            let (id, fault) = of_run(&text).expect("only runs lose errors");
            let run = RUNS.lock().unwrap().get(&id).and_then(Weak::upgrade).expect("a run that goes on");
            Run(run).log(format!("lost {fault}: {}", lost.outcome()));
        });
    });
}

/// Runs `program` as `start` does, disturbed, until nothing is left to do.
///
/// # Panics
///
/// If it hangs.
pub fn course(
    program: &Program,
    disturbance: Disturbance,
    start: &impl AsyncFn(&Run) -> Result<u32, Fault>,
) -> Course {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    }
    // Settling is for the whole process.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let run = Run::new(program, disturbance);
    RUNTIME.with(|runtime| runtime.block_on(drive(&run, disturbance, start)));
    RUNS.lock().unwrap().remove(&run.0.id);
    let mut state = run.state();
    Course { events: std::mem::take(&mut state.events), releases: state.released }
}

async fn drive(run: &Run, disturbance: Disturbance, start: impl AsyncFnOnce(&Run) -> Result<u32, Fault>) {
    let mut root = Box::pin(start(run));
    let ended = loop {
        if let Some(ended) = rest(run, root.as_mut()).await {
            break Some(ended);
        }
        let released = run.state().released;
        if disturbance == Disturbance::Cut(released) {
            break None;
        }
        assert!(run.release(), "it hangs: {:#?}", run.state().events);
    };
    drop(root);
    run.log(match ended {
        Some(Ok(Ok(number))) => format!("result Ok({number})"),
        Some(Ok(Err(fault))) => format!("result Err({fault})"),
        Some(Err(payload)) => {
            let text = payload.downcast::<String>().expect("the panic of a plan");
            format!("result panic {}", of_run(&text).expect("the panic of a plan").1)
        }
        None => "cut".to_owned(),
    });
    let mut settled = pin!(settle());
    while rest(run, settled.as_mut()).await.is_none() {
        assert!(run.release(), "settling hangs: {:#?}", run.state().events);
    }
}

/// Lets everything go on that can: first what is detached, then `future`, until neither does.
async fn rest<F: Future>(run: &Run, mut future: Pin<&mut F>) -> Option<std::thread::Result<F::Output>> {
    let mut idle = 0;
    while idle < 2 {
        let before = run.state().progress();
        yield_now().await;
        let mut poll = |cx: &mut Context<'_>| catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match poll_fn(|cx| Poll::Ready(poll(cx))).await {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(output)) => return Some(Ok(output)),
            Err(payload) => return Some(Err(payload)),
        }
        idle = if run.state().progress() == before { idle + 1 } else { 0 };
    }
    None
}
