//! Exits that may take only so long.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::error::Error as _;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, ExitTimeoutError, Interrupt, Outcome, async_with, defer,
    from_fn, ready, settle,
};
use futures::{FutureExt, poll};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once};
use crate::common::ways::{WAYS, Way, leave, unique};

const LIMIT: Duration = Duration::from_secs(5);

type Error = ExitTimeoutError<&'static str>;

fn elapsed<T>(block: &Result<T, Error>) -> bool {
    matches!(block, Err(ExitTimeoutError::Elapsed { limit, .. }) if *limit == LIMIT)
}

/// What the block comes to, and the panic if it panics.
async fn caught<T>(block: impl Future<Output = T>) -> Result<T, &'static str> {
    let caught = AssertUnwindSafe(block).catch_unwind().await;
    caught.map_err(|payload| *payload.downcast_ref::<&str>().expect("a panic of the test"))
}

#[tokio::test(start_paused = true)]
async fn a_late_exit_goes_on_detached_and_the_block_reports_it() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let begin = Instant::now();
    let block = async_with!(Traced::new("A", &trace).exit_waits(&gate).exit_timeout(LIMIT) => {
        sleep(Duration::from_secs(60)).await;
    });
    assert!(elapsed(&block));
    assert_eq!(begin.elapsed(), Duration::from_secs(65), "the time is that of the exit alone");
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: completed"]);
    let mut settled = pin!(settle());
    assert!(poll!(&mut settled).is_pending());
    gate.open();
    settled.await;
    assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"], "it went on, and was not begun again");
}

#[tokio::test(start_paused = true)]
async fn an_exit_that_ends_in_time_is_waited_for_no_longer() {
    let begin = Instant::now();
    let exit = |took| defer(move |_outcome| sleep(took)).exit_timeout(LIMIT);
    let just = LIMIT.saturating_sub(Duration::from_millis(1));
    assert!(async_with!(exit(just) => {}).is_ok());
    assert_eq!(begin.elapsed(), just);
    settle().await;
    assert_eq!(begin.elapsed(), just, "nothing was left behind");
}

#[tokio::test(start_paused = true)]
async fn what_the_manager_fails_with_in_time_is_its_own() {
    let trace = Trace::new();
    let enter = async_with!(Traced::new("A", &trace).enter_fails("enter").exit_timeout(LIMIT) => {});
    assert_eq!(enter, Err(ExitTimeoutError::Manager("enter")));
    let exit = async_with!(Traced::new("A", &trace).exit_fails("exit").exit_timeout(LIMIT) => {});
    assert_eq!(exit, Err(ExitTimeoutError::Manager("exit")));
    let interrupt = async_with!(Traced::new("A", &trace).interrupts("stop").exit_timeout(LIMIT) => {
        pending::<()>().await;
    });
    assert_eq!(interrupt, Err(ExitTimeoutError::Manager("stop")));
}

#[tokio::test(start_paused = true)]
async fn a_way_out_that_succeeded_is_given_up_for_a_late_exit() {
    for way in WAYS {
        let (trace, gate, mark) = (Trace::new(), Gate::new(), unique("interrupt"));
        let mut manager = Traced::new("A", &trace).exit_waits(&gate);
        if way == Way::Interrupt {
            manager = manager.interrupts(mark);
        }
        let ended = caught(leave(manager.exit_timeout(LIMIT), way, &trace)).await;
        match way {
            Way::AtTheEnd | Way::Return | Way::Break | Way::Continue => {
                assert!(ended.unwrap().unwrap_err().contains("Elapsed"), "{way:?}");
                assert_eq!(trace.events().last().unwrap(), "after", "{way:?}: the loop was not left");
            }
            Way::WithAnErr | Way::QuestionMark => assert_eq!(ended, Ok(Err("body".to_owned())), "{way:?}"),
            Way::Panic => assert_eq!(ended, Err("body")),
            Way::Interrupt => assert!(ended.unwrap().unwrap_err().contains(mark)),
        }
        let exit = format!("exit A: {}", way.outcome());
        assert!(trace.has(&exit), "{way:?}");
        assert!(!trace.has("exited A"), "{way:?}");
        gate.open();
        settle().await;
        assert!(trace.has("exited A"), "{way:?}");
    }
}

/// A manager whose type no other test has.
macro_rules! own {
    ($name:ident) => {
        struct $name(Traced);

        impl AsyncContextManager for $name {
            type Value = ();
            type Error = &'static str;

            async fn enter(&mut self) -> Result<(), &'static str> {
                self.0.run_enter().await
            }

            async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
                self.0.run_exit(outcome).await
            }

            fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
                self.0.interrupt_of_body()
            }
        }
    };
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_body_wins_over_a_late_exit_which_is_reported() {
    own!(LateAfterFailure);

    for way in [Way::WithAnErr, Way::QuestionMark, Way::Panic, Way::Interrupt] {
        let before = losses().over("LateAfterFailure").len();
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = LateAfterFailure(Traced::new("A", &trace).exit_waits(&gate).interrupts("stop"));
        drop(caught(leave(manager.exit_timeout(LIMIT), way, &trace)).await);
        let lost = losses().over("LateAfterFailure").split_off(before);
        assert_eq!(lost.len(), 1, "{way:?}");
        assert!(lost[0].error.contains("Elapsed"), "{lost:?}");
        assert_eq!(lost[0].outcome, way.outcome());
        gate.open();
        settle().await;
        assert_eq!(losses().over("LateAfterFailure").len(), before + 1, "{way:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_late_exit_fails_with_is_reported() {
    own!(LateAndFails);
    losses();

    for panics in [false, true] {
        let (trace, gate, mark) = (Trace::new(), Gate::new(), unique("late"));
        let traced = Traced::new("A", &trace).exit_waits(&gate);
        let traced = if panics { traced.exit_panics(mark) } else { traced.exit_fails(mark) };
        let line = line!() + 1;
        let manager = LateAndFails(traced).exit_timeout(LIMIT);
        assert!(elapsed(&async_with!(manager => {})));
        assert!(losses().of(mark).is_empty());
        gate.open();
        settle().await;
        let lost = losses().of(mark);
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].manager.ends_with("LateAndFails"), "{lost:?}");
        assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Completed));
    }
}

// Order.

#[tokio::test(start_paused = true)]
async fn exits_of_blocks_around_wait_for_the_late_one() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            let inner = async_with!(Traced::new("B", &trace).exit_waits(&gate).exit_timeout(LIMIT) => {});
            trace.log(format!("inner late: {}", elapsed(&inner)));
        })
    };
    let mut block = pin!(block);
    assert!(timeout(Duration::from_secs(60), &mut block).await.is_err(), "A waits for B");
    assert_eq!(
        trace.events(),
        ["enter A", "entered A", "enter B", "entered B", "exit B: completed", "inner late: true"],
    );
    gate.open();
    assert_eq!(block.await, Ok(()));
    assert_eq!(trace.events()[6..], ["exited B", "exit A: completed", "exited A"]);
}

#[tokio::test(start_paused = true)]
async fn exits_of_items_before_wait_for_the_late_one() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let first = Traced::new("A", &trace).map_err(ExitTimeoutError::Manager);
    let block = async {
        async_with!(first, Traced::new("B", &trace).exit_waits(&gate).exit_timeout(LIMIT) => { trace.log("body") })
    };
    let mut block = pin!(block);
    assert!(timeout(Duration::from_secs(60), &mut block).await.is_err());
    assert_eq!(trace.events().last().unwrap(), "exit B: completed");
    gate.open();
    assert!(elapsed(&block.await), "A is told, and B's lateness is the value of the whole");
    assert_eq!(trace.events()[6..], ["exited B", "exit A: failed", "exited A"]);
}

#[tokio::test(start_paused = true)]
async fn they_wait_also_when_they_are_cut_while_waiting() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace) => {
                let _ = async_with!(Traced::new("C", &trace).exit_waits(&gate).exit_timeout(LIMIT) => {});
            })
        })
    };
    assert!(timeout(Duration::from_secs(60), block).await.is_err());
    let mut settled = pin!(settle());
    assert!(timeout(Duration::from_secs(60), &mut settled).await.is_err());
    assert_eq!(trace.events().last().unwrap(), "exit C: completed");
    gate.open();
    settled.await;
    assert_eq!(
        trace.events()[7..],
        // B's body had ended; A's had not.
        ["exited C", "exit B: completed", "exited B", "exit A: cancelled", "exited A"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_exit_is_not_waited_for_by_blocks_beside_it() {
    let (trace, gate) = (Trace::new(), Gate::new());
    assert!(elapsed(&async_with!(Traced::new("A", &trace).exit_waits(&gate).exit_timeout(LIMIT) => {})));
    assert_eq!(async_with!(Traced::new("B", &trace) => {}), Ok(()));
    assert_eq!(trace.events().last().unwrap(), "exited B");
    gate.open();
    settle().await;
}

// Limits.

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_lets_an_exit_pass_that_does_not_wait() {
    let begin = Instant::now();
    assert_eq!(async_with!(ready(1).exit_timeout(Duration::ZERO) as value => *value), Ok(1));
    let trace = Trace::new();
    let block = async_with!(Traced::new("A", &trace).exit_timeout(Duration::ZERO) => {});
    assert_eq!(
        block.unwrap_err().to_string(),
        "the exit took longer than 0ns, and goes on in the background"
    );
    settle().await;
    assert!(trace.has("exited A"));
    assert!(begin.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn the_longest_limit_never_ends() {
    let begin = Instant::now();
    let year = Duration::from_secs(365 * 24 * 3600);
    let block = async_with!(defer(move |_outcome| sleep(year)).exit_timeout(Duration::MAX) => {});
    assert_eq!(block, Ok(()));
    assert!(begin.elapsed() >= year);
}

#[tokio::test(start_paused = true)]
async fn of_two_limits_the_shorter_one_is_reported() {
    let long = LIMIT * 2;
    for (inner, outer) in [(LIMIT, long), (long, LIMIT)] {
        let begin = Instant::now();
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = Traced::new("A", &trace).exit_waits(&gate).exit_timeout(inner).exit_timeout(outer);
        let block = async_with!(manager => {});
        let error = block.unwrap_err();
        let inner_elapsed = matches!(error, ExitTimeoutError::Manager(ExitTimeoutError::Elapsed { .. }));
        assert_eq!(inner_elapsed, inner < outer, "{error:?}");
        assert_eq!(begin.elapsed(), LIMIT);
        sleep(long).await;
        gate.open();
        settle().await;
        assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"], "one exit, told once");
    }
}

// Where there is no timer.

#[test]
fn without_a_runtime_it_panics_at_enter() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).exit_timeout(LIMIT) => { trace.log("body") }) };
    let mut block = Box::pin(block);
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(block.as_mut()))).is_err());
    assert_eq!(trace.events(), [""; 0], "nothing was entered that would have to be exited");
}

#[test]
fn without_timers_it_panics_at_enter() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).exit_timeout(LIMIT) => { trace.log("body") }) };
    let runtime = Builder::new_current_thread().build().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| runtime.block_on(block))).is_err());
    assert_eq!(trace.events(), [""; 0]);
}

// The block is entered in a runtime with timers, and left where there is none.
#[test]
fn moved_to_another_executor_it_still_has_its_timer() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let (trace, gate) = (Trace::new(), Gate::new());
    let (ran_on, exit_ran_on) = oneshot::channel();
    let late = {
        let (trace, gate) = (trace.clone(), gate.clone());
        from_fn(
            || async { Ok::<_, Infallible>(()) },
            move |(), _outcome| async move {
                trace.log("exit");
                gate.passed().await;
                ran_on.send(Handle::try_current().map(|handle| handle.id()).ok()).unwrap();
            },
        )
    };
    let mut block = Box::pin(async {
        async_with!(late.exit_timeout(Duration::from_millis(1)) => { trace.step("body").await })
    });
    {
        let _runtime = runtime.enter();
        assert!(poll_once(block.as_mut()).is_pending());
    }
    let ended = futures::executor::block_on(block);
    assert!(matches!(ended, Err(ExitTimeoutError::Elapsed { .. })));
    gate.open();
    let ran_on = futures::executor::block_on(exit_ran_on).unwrap();
    assert_eq!(ran_on, Some(runtime.handle().id()), "the runtime that was current when the block began");
}

#[test]
fn a_cut_block_of_another_executor_has_its_timer_too() {
    own!(CutElsewhere);
    losses();

    let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager =
        CutElsewhere(Traced::new("A", &trace).exit_waits(&gate)).exit_timeout(Duration::from_millis(1));
    let mut block = Box::pin(async { async_with!(manager => pending::<()>().await) });
    {
        let _runtime = runtime.enter();
        while !trace.has("entered A") {
            assert!(poll_once(block.as_mut()).is_pending());
        }
    }
    drop(block);
    runtime.block_on(async {
        timeout(Duration::from_secs(60), async {
            while losses().over("CutElsewhere").is_empty() {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .expect("the late exit is reported");
    });
    gate.open();
    runtime.block_on(settle());
    assert!(trace.has("exited A"));
}

// Detached.

#[tokio::test(start_paused = true)]
async fn a_detached_exit_that_is_late_is_reported_and_goes_on() {
    own!(DetachedAndLate);
    losses();

    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = DetachedAndLate(Traced::new("B", &trace).exit_waits(&gate)).exit_timeout(LIMIT);
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            let _ = async_with!(manager => { trace.step("body").await; });
        })
    };
    cut_at(block, &trace, "body").await;
    let mut settled = pin!(settle());
    assert!(timeout(LIMIT * 3, &mut settled).await.is_err(), "it waits for the late exit");
    let lost = losses().over("DetachedAndLate");
    assert_eq!(lost.len(), 1);
    assert!(lost[0].error.contains("Elapsed"), "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Cancelled);
    assert_eq!(trace.events()[5..], ["exit B: cancelled"], "A waits too");
    gate.open();
    settled.await;
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: cancelled", "exited A"]);
    assert_eq!(losses().over("DetachedAndLate").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cut_during_the_exit_it_has_the_rest_of_its_time() {
    own!(CutInExit);
    losses();

    for late in [false, true] {
        let before = losses().over("CutInExit").len();
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager = CutInExit(Traced::new("A", &trace).exit_waits(&gate)).exit_timeout(LIMIT);
        let begin = Instant::now();
        let block = timeout(LIMIT / 2, async { async_with!(manager => {}) });
        assert!(block.await.is_err());
        if late {
            while losses().over("CutInExit").len() == before {
                sleep(Duration::from_millis(100)).await;
            }
            assert!(begin.elapsed() >= LIMIT && begin.elapsed() < LIMIT + LIMIT / 4, "{:?}", begin.elapsed());
        }
        gate.open();
        settle().await;
        assert_eq!(losses().over("CutInExit").len(), before + usize::from(late));
        assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_exit_of_a_sync_part_that_ends_as_the_time_is_over_counts_as_ended() {
    // Both are ready at the same poll: as in tokio, what has ended has ended.
    let block = async_with!(defer(|_outcome| sleep(LIMIT)).exit_timeout(LIMIT) => {});
    assert_eq!(block, Ok(()));
}

#[test]
fn a_runtime_that_ends_before_the_late_exit_reports_it() {
    own!(LateAtShutdown);
    losses();

    let (trace, gate) = (Trace::new(), Gate::new());
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let manager = LateAtShutdown(Traced::new("A", &trace).exit_waits(&gate)).exit_timeout(LIMIT);
    let block = runtime.block_on(async { async_with!(manager => {}) });
    assert!(elapsed(&block));
    drop(runtime);
    let lost = losses().over("LateAtShutdown");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].error.contains("runtime shut down"), "{lost:?}");
    assert_eq!(trace.events()[2..], ["exit A: completed", "exit A dropped"]);
}

/// A late exit inside the exit of something that is exited part by part: the parts before it wait.
mod in_managers_of_parts {
    use super::{
        AsyncContextManagerExt, Duration, Error, ExitTimeoutError, Gate, LIMIT, Trace, Traced, async_with,
        settle,
    };
    use async_with::{AsyncContextManager, AsyncExitStack};
    use std::pin::pin;
    use tokio::time::timeout;

    fn parts(
        trace: &Trace,
        gate: &Gate,
    ) -> (
        impl AsyncContextManager<Value = (), Error = Error> + use<>,
        impl AsyncContextManager<Value = (), Error = Error> + use<>,
    ) {
        let first = Traced::new("A", trace).map_err(ExitTimeoutError::Manager);
        (first, Traced::new("B", trace).exit_waits(gate).exit_timeout(LIMIT))
    }

    async fn waits(block: impl Future<Output = Result<(), Error>>, trace: Trace, gate: Gate) {
        let mut block = pin!(block);
        assert!(timeout(Duration::from_secs(60), &mut block).await.is_err(), "{:?}", trace.events());
        assert_eq!(trace.events().last().unwrap(), "exit B: completed");
        gate.open();
        assert!(super::elapsed(&block.await));
        settle().await;
        assert_eq!(trace.events()[5..], ["exited B", "exit A: failed", "exited A"]);
    }

    #[tokio::test(start_paused = true)]
    async fn items_of_a_block() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let (a, b) = parts(&trace, &gate);
        waits(async { async_with!(a, b => {}) }, trace, gate).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_tuple() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let parts = parts(&trace, &gate);
        waits(async { async_with!(parts => {}) }, trace, gate).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_vec() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let (a, b) = parts(&trace, &gate);
        let all = vec![a.boxed(), b.boxed()];
        waits(async { async_with!(all => {}) }, trace, gate).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_exit_stack() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let (a, b) = parts(&trace, &gate);
        let block = async {
            async_with!(AsyncExitStack::<Error>::new() as stack => {
                let stack = &*stack;
                drop(stack.enter(a).await);
                drop(stack.enter(b).await);
            })
        };
        waits(block, trace, gate).await;
    }
}

// Its error.

#[test]
fn the_error_says_what_happened_and_has_its_source() {
    let manager = ExitTimeoutError::Manager(std::io::Error::other("disk"));
    assert_eq!(manager.to_string(), "entering or exiting the context manager failed");
    assert_eq!(manager.source().unwrap().to_string(), "disk");
}

#[tokio::test(start_paused = true)]
async fn elapsed_has_no_source() {
    let block = async_with!(defer(|_outcome| async { sleep(LIMIT * 2).await; Ok::<_, std::io::Error>(()) }).exit_timeout(LIMIT) => {});
    let error = block.unwrap_err();
    assert_eq!(error.to_string(), "the exit took longer than 5s, and goes on in the background");
    assert!(error.source().is_none());
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_exit_in_time_leaves_and_one_of_the_body_wins() {
    let trace = Trace::new();
    let manager = |payload| Traced::new("A", &trace).exit_panics(payload).exit_timeout(LIMIT);
    let exit = caught(async { async_with!(manager("exit") => {}) }).await;
    assert_eq!(exit, Err("exit"));
    let body = caught(async { async_with!(manager("exit") => { panic_any("body") }) }).await;
    assert_eq!(body, Err::<Result<(), _>, _>("body"));
}

// A late exit is polled by the block until then, and by its runtime after: no wake-up is lost in between.
#[tokio::test(start_paused = true)]
async fn a_late_exit_that_awaits_several_things_gets_to_its_end() {
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let exit = defer(move |_outcome| async move {
        for turn in 0..10 {
            sleep(Duration::from_secs(2)).await;
            sender.send(turn).unwrap();
        }
    });
    assert!(async_with!(exit.exit_timeout(LIMIT) => {}).is_err());
    settle().await;
    let mut turns = Vec::new();
    while let Poll::Ready(Some(turn)) = poll!(Box::pin(received.recv())) {
        turns.push(turn);
    }
    assert_eq!(turns, (0..10).collect::<Vec<_>>());
}
