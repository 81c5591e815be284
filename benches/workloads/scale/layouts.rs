//! Futures with scopes in them: beside each other, nested, in one block, and in a recursion.

use std::convert::Infallible;
use std::future::poll_fn;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome, async_with};
use benches::expert;

pub type Live = Pin<Box<dyn Future<Output = ()>>>;

pub struct Layout {
    pub name: &'static str,
    /// Makes about this many scopes, and says how many.
    pub make: fn(usize) -> (Vec<Live>, usize),
    /// Whether dropping them leaves exits that run on, or has them end at once, or not run.
    pub cut: Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    Forgotten,
    Abandoned,
    Detached,
}

pub static FLAT: [Layout; 8] = [
    Layout { name: "no guarantee", make: |scopes| flat(scopes, || Box::pin(bare())), cut: Cut::Forgotten },
    Layout { name: "local", make: |scopes| flat(scopes, || Box::pin(local())), cut: Cut::Abandoned },
    Layout { name: "guaranteed", make: |scopes| flat(scopes, || Box::pin(guaranteed())), cut: Cut::Detached },
    Layout {
        name: "guaranteed, by hand",
        make: |scopes| flat(scopes, || Box::pin(by_hand())),
        cut: Cut::Detached,
    },
    Layout {
        name: "local, 3 nested",
        make: |scopes| chains(scopes, || Box::pin(three_local())),
        cut: Cut::Abandoned,
    },
    Layout {
        name: "guaranteed, 3 nested",
        make: |scopes| chains(scopes, || Box::pin(three_guaranteed())),
        cut: Cut::Detached,
    },
    Layout {
        name: "local, all in one",
        make: |scopes| {
            let (inside, _) = flat(scopes - 1, || Box::pin(local()));
            (
                vec![Box::pin(
                    async move { async_with!(Local => { side_by_side(inside).await; held().await }) },
                )],
                scopes,
            )
        },
        cut: Cut::Abandoned,
    },
    Layout {
        name: "guaranteed, all in one",
        make: |scopes| {
            let (inside, _) = flat(scopes - 1, || Box::pin(guaranteed()));
            (
                vec![Box::pin(async move {
                    async_with!(Guaranteed => { side_by_side(inside).await; held().await });
                })],
                scopes,
            )
        },
        cut: Cut::Detached,
    },
];

pub static DEEP: [Layout; 3] = [
    Layout { name: "no guarantee", make: |levels| (vec![deep_bare(levels)], levels), cut: Cut::Forgotten },
    Layout { name: "local", make: |levels| (vec![deep_local(levels)], levels), cut: Cut::Abandoned },
    Layout { name: "guaranteed", make: |levels| (vec![deep_guaranteed(levels)], levels), cut: Cut::Detached },
];

/// What the futures are as wide as.
pub fn sizes() -> [(&'static str, usize); 7] {
    [
        ("enter, body and exit without a guarantee", size_of_val(&bare())),
        ("a local block", size_of_val(&local())),
        ("three nested ones", size_of_val(&three_local())),
        ("a guaranteed block", size_of_val(&guaranteed())),
        ("three nested ones", size_of_val(&three_guaranteed())),
        ("a guaranteed block by hand", size_of_val(&by_hand())),
        ("the body", size_of_val(&held())),
    ]
}

fn flat(scopes: usize, mut one: impl FnMut() -> Live) -> (Vec<Live>, usize) {
    ((0..scopes).map(|_| one()).collect(), scopes)
}

fn chains(scopes: usize, mut three: impl FnMut() -> Live) -> (Vec<Live>, usize) {
    let chains = scopes.div_ceil(3);
    ((0..chains).map(|_| three()).collect(), 3 * chains)
}

async fn side_by_side(mut futures: Vec<Live>) {
    poll_fn(|cx| {
        futures.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if futures.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Whether the bodies end.
pub static RELEASED: AtomicBool = AtomicBool::new(false);

/// How many scopes have been entered, exited and abandoned.
pub static ENTERED: AtomicUsize = AtomicUsize::new(0);
pub static EXITED: AtomicUsize = AtomicUsize::new(0);
pub static ABANDONED: AtomicUsize = AtomicUsize::new(0);

/// Where the stack was when a body was polled last.
pub static STACK: AtomicUsize = AtomicUsize::new(0);

/// The body of each scope.
async fn held() {
    poll_fn(|_| {
        let here = 0_u8;
        STACK.store(std::ptr::from_ref(black_box(&here)).addr(), Ordering::Relaxed);
        if RELEASED.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn enter() -> u64 {
    ENTERED.fetch_add(1, Ordering::Relaxed);
    black_box(1)
}

fn exit(value: u64) {
    black_box(value);
    EXITED.fetch_add(1, Ordering::Relaxed);
}

struct Local;

impl LocalAsyncContextManager for Local {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        Ok(enter())
    }

    async fn exit(self, value: u64, _outcome: Outcome) -> Result<(), Infallible> {
        exit(value);
        Ok(())
    }

    fn abandon(self, value: u64) {
        black_box(value);
        ABANDONED.fetch_add(1, Ordering::Relaxed);
    }
}

struct Guaranteed;

impl AsyncContextManager for Guaranteed {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        Ok(enter())
    }

    async fn exit(self, value: u64, _outcome: Outcome) -> Result<(), Infallible> {
        exit(value);
        Ok(())
    }
}

async fn bare() {
    let mut manager = Local;
    let Ok(value) = manager.enter().await;
    held().await;
    let Ok(()) = manager.exit(value, Outcome::Completed).await;
}

async fn local() {
    async_with!(Local => { held().await });
}

async fn guaranteed() {
    async_with!(Guaranteed => { held().await });
}

async fn by_hand() {
    let Ok(()) = expert::guaranteed(Guaranteed, async |_value| held().await).await;
}

async fn three_local() {
    async_with!(Local => { async_with!(Local => { async_with!(Local => { held().await }) }) });
}

async fn three_guaranteed() {
    async_with!(Guaranteed => { async_with!(Guaranteed => { async_with!(Guaranteed => { held().await }) }) });
}

fn deep_bare(levels: usize) -> Live {
    Box::pin(async move {
        let mut manager = Local;
        let Ok(value) = manager.enter().await;
        if levels > 1 {
            deep_bare(levels - 1).await;
        } else {
            held().await;
        }
        let Ok(()) = manager.exit(value, Outcome::Completed).await;
    })
}

fn deep_local(levels: usize) -> Live {
    Box::pin(async move {
        async_with!(Local => { if levels > 1 { deep_local(levels - 1).await } else { held().await } });
    })
}

fn deep_guaranteed(levels: usize) -> Live {
    Box::pin(async move {
        async_with!(Guaranteed => { if levels > 1 { deep_guaranteed(levels - 1).await } else { held().await } });
    })
}
