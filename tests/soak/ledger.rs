//! The books: what became of each scope and of each fault.

use std::collections::HashMap;
use std::fmt::{self, Debug};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_with::{Outcome, set_lost_error_hook};

#[derive(Default)]
pub struct Ledger {
    next: AtomicU64,
    entered: AtomicUsize,
    exits: AtomicUsize,
    /// Exits of local managers that were dropped with their block.
    dropped: AtomicUsize,
    abandons: AtomicUsize,
    /// Scopes and frames that exist.
    alive: AtomicUsize,
    cut: AtomicUsize,
    told_cancelled: AtomicUsize,
    panics: AtomicUsize,
    /// Faults of which it is certain that the hook has to be told.
    to_be_lost: AtomicUsize,
    lost: AtomicUsize,
    /// Other faults that the hook was told.
    also_lost: AtomicUsize,
    faults: Mutex<HashMap<u64, Record>>,
    mistakes: Mutex<Vec<String>>,
}

pub static LEDGER: LazyLock<Ledger> = LazyLock::new(Ledger::default);

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::SeqCst);
}

/// What has to become of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is what its block comes to.
    Seen,
    /// The hook is told.
    Lost,
    /// One of the two: of the exits of several parts, the first failure counts.
    Either,
    /// One of the two, unless something overtook it: a cut of its frame, a panic of another exit in it, an interrupt.
    EitherUnlessOvertaken,
    /// At most one of the two.
    Any,
}

struct Record {
    fate: Fate,
    frame: Arc<Frame>,
    what: &'static str,
}

/// An error, or the payload of a panic.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault(u64);

impl Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}#", self.0)
    }
}

impl Fault {
    /// One that must not come to the hook.
    pub fn of_body() -> Self {
        Self(LEDGER.number())
    }

    pub fn panic(&self) -> ! {
        count(&LEDGER.panics);
        // Without the panic hook, which would print them all.
        resume_unwind(Box::new(format!("{self:?}")))
    }

    /// The fault that a text speaks of.
    pub fn in_text(text: &str) -> Option<Self> {
        text.split('#').nth(1)?.parse().ok().map(Self)
    }

    /// Notes that it happens, and what is to become of it.
    pub fn happens(what: &'static str, fate: Fate, frame: &Arc<Frame>) -> Self {
        let fault = Self(LEDGER.number());
        if fate == Fate::Lost {
            count(&LEDGER.to_be_lost);
        }
        let record = Record { fate, frame: Arc::clone(frame), what };
        LEDGER.faults.lock().unwrap().insert(fault.0, record);
        fault
    }

    /// Notes that it is what a block over this frame comes to, if it is one of it.
    pub fn seen(&self, frame: &Arc<Frame>) {
        let mut faults = LEDGER.faults.lock().unwrap();
        if faults.get(&self.0).is_some_and(|record| Arc::ptr_eq(&record.frame, frame)) {
            let Record { fate, what, .. } = faults.remove(&self.0).unwrap();
            drop(faults);
            LEDGER.check(fate != Fate::Lost, || format!("{what}: seen, and not lost, with {frame:?}"));
        }
    }
}

pub fn install_hook() {
    set_lost_error_hook(|lost| {
        let text = format!("{:?}", lost.error());
        let Some(Fault(number)) = Fault::in_text(&text) else {
            return LEDGER.mistake(format!("the hook was told {lost}"));
        };
        let Some(Record { fate, what, frame }) = LEDGER.faults.lock().unwrap().remove(&number) else {
            return LEDGER.mistake(format!("the hook was told what was seen, or lost before: {lost}"));
        };
        count(if fate == Fate::Lost { &LEDGER.lost } else { &LEDGER.also_lost });
        LEDGER.check(fate != Fate::Seen, || format!("{what}: lost, and not seen, with {frame:?}: {lost}"));
    });
}

impl Ledger {
    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    pub fn mistake(&self, what: String) {
        self.mistakes.lock().unwrap().push(what);
    }

    pub fn check(&self, right: bool, what: impl FnOnce() -> String) {
        if !right {
            self.mistake(what());
        }
    }

    pub fn is_right(&self) -> bool {
        self.mistakes.lock().unwrap().is_empty()
    }

    /// Checks that all is over.
    pub async fn close(&self) {
        let faults = std::mem::take(&mut *self.faults.lock().unwrap());
        for (number, Record { fate, frame, what }) in faults {
            let may_vanish = match fate {
                Fate::Any => true,
                Fate::EitherUnlessOvertaken => frame.is_cut() || frame.overtaken.load(Ordering::SeqCst),
                Fate::Seen | Fate::Lost | Fate::Either => false,
            };
            self.check(may_vanish, || {
                format!("{what} #{number}#: neither seen nor lost; it was to be {fate:?}, with {frame:?}")
            });
        }
        let of = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        // A task may hold on to a scope a little longer than its exit runs.
        for _ in 0..60_000 {
            if of(&self.alive) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mistakes = std::mem::take(&mut *self.mistakes.lock().unwrap());
        assert!(
            mistakes.is_empty(),
            "{} mistakes: {:#?}",
            mistakes.len(),
            &mistakes[..mistakes.len().min(10)]
        );
        assert_eq!(of(&self.entered), of(&self.exits) + of(&self.abandons), "enters, exits and abandons");
        assert_eq!(of(&self.to_be_lost), of(&self.lost), "to be lost, and lost");
        assert_eq!(of(&self.alive), 0, "scopes and frames that are left");
        for (counter, what) in [
            (&self.entered, "enter"),
            (&self.abandons, "abandon"),
            (&self.dropped, "exit that was dropped with its block"),
            (&self.cut, "cut"),
            (&self.told_cancelled, "exit told `Cancelled`"),
            (&self.panics, "panic"),
            (&self.lost, "lost error"),
        ] {
            assert_ne!(of(counter), 0, "there was no {what}: the soak says nothing about it");
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        write!(
            f,
            "{} enters, {} exits ({} told `Cancelled`, {} local ones dropped with their block), {} abandons, \
             {} frames cut, {} panics, {} errors to be lost, {} lost, and {} of those that may be",
            of(&self.entered),
            of(&self.exits),
            of(&self.told_cancelled),
            of(&self.dropped),
            of(&self.abandons),
            of(&self.cut),
            of(&self.panics),
            of(&self.to_be_lost),
            of(&self.lost),
            of(&self.also_lost),
        )
    }
}

/// One block of a nest, with what is known of how it goes.
pub struct Frame {
    what: &'static str,
    cut: AtomicBool,
    /// Whether an exit in it has panicked, or it was interrupted.
    overtaken: AtomicBool,
    /// How its body ended, if it did.
    body: Mutex<Option<Outcome>>,
}

impl Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (cut: {}, body: {:?})", self.what, self.is_cut(), self.body())
    }
}

impl Frame {
    pub fn new(what: &'static str) -> Arc<Self> {
        count(&LEDGER.alive);
        Arc::new(Self {
            what,
            cut: AtomicBool::new(false),
            overtaken: AtomicBool::new(false),
            body: Mutex::new(None),
        })
    }

    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        count(&LEDGER.cut);
    }

    pub fn is_overtaken(&self) {
        self.overtaken.store(true, Ordering::SeqCst);
    }

    pub fn body(&self) -> Option<Outcome> {
        *self.body.lock().unwrap()
    }

    pub fn body_ends(&self, outcome: Outcome) {
        *self.body.lock().unwrap() = Some(outcome);
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        LEDGER.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The states of a scope, in their order.
const OUTSIDE: u8 = 0;
const ENTERED: u8 = 1;
const EXITING: u8 = 2;
const OVER: u8 = 3;

/// The scopes around something.
pub type Around = Vec<Arc<Scope>>;

/// One manager in a frame.
pub struct Scope {
    number: u64,
    around: Around,
    frame: Arc<Frame>,
    state: AtomicU8,
    /// Those inside it that have been entered and are not over.
    inside: Mutex<HashMap<u64, Arc<Frame>>>,
}

impl Scope {
    pub fn new(frame: &Arc<Frame>, around: &Around) -> Arc<Self> {
        count(&LEDGER.alive);
        Arc::new(Self {
            number: LEDGER.number(),
            around: around.clone(),
            frame: Arc::clone(frame),
            state: AtomicU8::new(OUTSIDE),
            inside: Mutex::default(),
        })
    }

    fn step(&self, from: u8, to: u8) {
        let was = self.state.swap(to, Ordering::SeqCst);
        LEDGER.check(was == from, || format!("scope {} came to state {to} from {was}", self.number));
    }

    pub fn entered(&self) {
        self.step(OUTSIDE, ENTERED);
        count(&LEDGER.entered);
        for scope in &self.around {
            scope.inside.lock().unwrap().insert(self.number, Arc::clone(&self.frame));
        }
    }

    pub fn exit_begins(&self, outcome: Outcome) {
        self.step(ENTERED, EXITING);
        count(&LEDGER.exits);
        if outcome == Outcome::Cancelled {
            count(&LEDGER.told_cancelled);
        }
        let inside = self.inside.lock().unwrap();
        LEDGER.check(inside.is_empty(), || {
            format!("the exit in {:?} began before those inside it were over: {inside:#?}", self.frame)
        });
    }

    pub fn exit_is_over(&self) {
        self.over(EXITING);
    }

    pub fn exit_is_dropped(&self) {
        count(&LEDGER.dropped);
        self.over(EXITING);
    }

    pub fn abandoned(&self) {
        count(&LEDGER.abandons);
        self.over(ENTERED);
    }

    fn over(&self, from: u8) {
        self.step(from, OVER);
        for scope in &self.around {
            scope.inside.lock().unwrap().remove(&self.number);
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let state = *self.state.get_mut();
        LEDGER.check(matches!(state, OUTSIDE | OVER), || {
            format!("scope {} is gone in state {state}", self.number)
        });
        LEDGER.alive.fetch_sub(1, Ordering::SeqCst);
    }
}
