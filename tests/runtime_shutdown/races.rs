//! Runtimes that end while many blocks are anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use fastrand::Rng;

use crate::common::trace::yield_once;
use crate::{ENDS, alone, lost, until};

/// How many were entered, how many exits ended, and how many began.
#[derive(Default)]
struct Tally {
    entered: AtomicUsize,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

struct Counted(Arc<Tally>, usize);

impl AsyncContextManager for Counted {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        for _ in 0..self.1 {
            yield_once().await;
        }
        self.0.entered.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
        for _ in 0..self.1 {
            yield_once().await;
        }
        self.0.ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

async fn blocks_for_ever(tally: Arc<Tally>, mut rng: Rng) {
    loop {
        let mut one = || Counted(Arc::clone(&tally), rng.usize(..4));
        let (first, second, third) = (one(), one(), one());
        let (turns, cut) = (rng.usize(..4), rng.usize(..20));
        let blocks = async {
            async_with!(first, second => {
                async_with!(third => {
                    for _ in 0..turns {
                        yield_once().await;
                    }
                })
            })
        };
        tokio::select! {
            biased;
            ended = blocks => ended.unwrap().unwrap(),
            () = async { for _ in 0..cut { yield_once().await } } => {}
        }
    }
}

#[test]
fn whenever_a_runtime_ends_each_exit_has_ended_or_is_reported() {
    let _alone = alone();
    let seed = fastrand::u64(..);
    let mut rng = Rng::with_seed(seed);
    let mut in_all = [0; 3];
    for turn in 0..60 {
        let (end, runtime, shut_down) = ENDS[turn % ENDS.len()];
        let (runtime, tally) = (runtime(), Arc::new(Tally::default()));
        let before = lost().len();
        for _ in 0..50 {
            runtime.spawn(blocks_for_ever(Arc::clone(&tally), rng.fork()));
        }
        let enough = rng.usize(..2000);
        runtime.block_on(async {
            while tally.entered.load(Ordering::SeqCst) < enough {
                yield_once().await;
            }
        });
        shut_down(runtime);
        let counts = || {
            let of = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
            (of(&tally.entered), of(&tally.begun), of(&tally.ended), lost().len() - before)
        };
        let what = || format!("{end}, seed {seed}: entered, begun, ended and lost: {:?}", counts());
        // All tasks and exits are gone.
        until(|| Arc::strong_count(&tally) == 1, what);
        futures::executor::block_on(settle());
        let (entered, begun, ended, lost) = counts();
        assert_eq!(entered, ended + lost, "{}", what());
        assert!(begun >= ended, "{}", what());
        in_all = [in_all[0] + entered, in_all[1] + ended, in_all[2] + lost];
    }
    let [entered, ended, lost] = in_all;
    println!("60 shutdowns: {entered} enters, {ended} exits that ended, {lost} reported as lost");
    assert!(ended > 0 && lost > 0);
}
