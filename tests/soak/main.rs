//! Many tasks run random nests at once, on several threads, and cut them at random. Afterwards the books must balance: every
//! completed enter has its one exit, no exit began before those inside it were over, no lock is held, and every error of an
//! exit was either the value of its block or given to the lost-error hook.
//!
//! `SOAK_SECONDS` says for how long (3), `SOAK_SEED` from which seed: it makes the same nests, but what the threads make of
//! them differs from run to run.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod ledger;
mod nest;
mod part;

use std::env;
use std::str::FromStr;
use std::time::{Duration, Instant};

use async_with::settle;
use fastrand::Rng;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::time::timeout;

use crate::common::trace::{poll_once, yield_once};
use crate::ledger::{LEDGER, install_hook};
use crate::nest::Nest;
use crate::part::LOCKS;

/// How many tasks run nests at a time.
const TASKS: u64 = 64;

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

fn setting<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Runs one nest, to its end or until it is cut.
async fn run(rng: &mut Rng) {
    let polls = rng.usize(..40);
    match rng.u8(..10) {
        0..3 => {
            let _ = Nest::new(rng).run().await;
        }
        3..5 => {
            let task = tokio::spawn(Nest::new(rng).run());
            for _ in 0..polls {
                yield_once().await;
            }
            task.abort();
            let _ = task.await;
        }
        5 => {
            let limit = Duration::from_micros(rng.u64(..3000));
            let _ = timeout(limit, Nest::new(rng).run()).await;
        }
        6..8 => {
            let (nest, enough) = (Nest::new(rng).run(), async {
                for _ in 0..polls {
                    yield_once().await;
                }
            });
            tokio::select! {
                _ = nest => {}
                () = enough => {}
            }
        }
        8 => {
            let mut nest = Box::pin(Nest::new(rng).run());
            for _ in 0..polls {
                if poll_once(nest.as_mut()).is_ready() {
                    break;
                }
            }
        }
        _ => {
            // Dropped when the first of them has ended.
            let mut nests: FuturesUnordered<_> = (0..3).map(|_| Nest::new(rng).run()).collect();
            nests.next().await;
        }
    }
}

#[test]
fn the_books_balance_after_random_nests_that_are_cut_at_random() {
    let seconds = setting("SOAK_SECONDS").unwrap_or(3);
    let seed = setting("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    let shown = scopeguard::guard(seed, |seed| {
        if std::thread::panicking() {
            eprintln!("the seed was SOAK_SEED={seed}");
        }
    });
    install_hook();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let end = Instant::now() + Duration::from_secs(seconds);
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let mut rng = Rng::with_seed(seed.wrapping_add(task));
                tokio::spawn(async move {
                    let mut nests = 0_u64;
                    while Instant::now() < end && LEDGER.is_right() {
                        run(&mut rng).await;
                        nests += 1;
                    }
                    nests
                })
            })
            .collect();
        let mut nests = 0;
        for task in tasks {
            let limit = Duration::from_secs(seconds) + LIMIT;
            nests +=
                timeout(limit, task).await.expect("no nest hangs").expect("the panics of nests are caught");
        }
        timeout(LIMIT, settle()).await.expect("`settle` returns");
        for lock in LOCKS.iter().flatten() {
            assert!(lock.try_lock().is_ok(), "a lock is still held");
        }
        LEDGER.close().await;
        println!("{seconds} s, SOAK_SEED={seed}: {nests} nests, {}", *LEDGER);
    });
    drop(shown);
}
