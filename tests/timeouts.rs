//! The managers `timeout` and `deadline`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::{pending, ready};
use std::io;
use std::time::Duration;

use async_with::managers::{Elapsed, deadline, timeout};
use async_with::{AsyncContextManager, AsyncContextManagerExt, Outcome, async_with, settle};
use tokio::time::{Instant, advance, sleep};

use crate::common::trace::{Gate, Trace, Traced, cut_at, yield_once};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// For how long the body was allowed to run, of a block that was interrupted.
fn limit<T>(block: Result<T, Elapsed>) -> Duration {
    block.map(drop).expect_err("the block is interrupted").limit()
}

// One.

// CPython's `test_timeout_basic`, `test_waiter_cancelled`.
#[tokio::test(start_paused = true)]
async fn a_body_that_takes_too_long_is_interrupted() {
    let (start, trace) = (Instant::now(), Trace::new());
    let block = async_with!(timeout(seconds(5)) => {
        scopeguard::defer! { trace.log("dropped") }
        sleep(seconds(10)).await;
        trace.log("never here");
    });
    assert_eq!(limit(block), seconds(5));
    assert_eq!(start.elapsed(), seconds(5));
    assert_eq!(trace.events(), ["dropped"]);
}

// CPython's `test_timeout_at_basic`.
#[tokio::test(start_paused = true)]
async fn a_body_that_runs_beyond_the_deadline_is_interrupted() {
    let start = Instant::now();
    let block = async_with!(deadline(start + seconds(5)) as deadline => {
        assert_eq!(deadline.deadline(), Some(start + seconds(5)));
        pending::<()>().await;
    });
    assert_eq!(limit(block), seconds(5));
    assert_eq!(start.elapsed(), seconds(5));
}

// CPython's `test_timeout_not_called`.
#[tokio::test(start_paused = true)]
async fn a_body_that_ends_in_time_is_not_interrupted() {
    let block = async_with!(timeout(seconds(5)) as deadline => {
        sleep(seconds(2)).await;
        assert_eq!(deadline.remaining(), Some(seconds(3)));
        "done"
    });
    assert_eq!(block, Ok("done"));
}

#[tokio::test(start_paused = true)]
async fn the_time_begins_when_the_block_is_entered() {
    let manager = timeout(seconds(5));
    sleep(seconds(20)).await;
    let block = async_with!(manager => { sleep(seconds(4)).await });
    assert_eq!(block, Ok(()));
}

// CPython's `test_timeout_zero`, `test_timeout_zero_sleep_zero`, `test_timeout_in_the_past_sleep_zero`.
#[tokio::test(start_paused = true)]
async fn without_any_time_a_body_that_is_ready_ends_and_one_that_is_not_is_interrupted() {
    let start = Instant::now();
    advance(seconds(1)).await;
    for make in [|_| timeout(Duration::ZERO), |start| deadline(start)] {
        assert_eq!(async_with!(make(start) => { ready(5).await }), Ok(5));
        assert_eq!(limit(async_with!(make(start) => { yield_once().await })), Duration::ZERO);
        assert_eq!(limit(async_with!(make(start) => { pending::<()>().await })), Duration::ZERO);
    }
    assert_eq!(start.elapsed(), seconds(1));
}

// tokio's timers count in milliseconds, which the paused clock hides.
#[tokio::test]
async fn without_any_time_a_body_that_awaits_gets_no_second_turn_on_a_running_clock_either() {
    for _ in 0..100 {
        assert!(async_with!(timeout(Duration::ZERO) => { yield_once().await }).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_ends_late_without_awaiting_is_not_interrupted() {
    // As in asyncio: there is nothing left to interrupt.
    let block = async_with!(timeout(seconds(5)) as deadline => {
        sleep(seconds(4)).await;
        deadline.reset(Instant::now().checked_sub(seconds(1)).unwrap());
        "done"
    });
    assert_eq!(block, Ok("done"));
}

#[tokio::test(start_paused = true)]
async fn times_beyond_all_time_never_end() {
    for limit in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
        let block = async_with!(timeout(limit) as deadline => {
            sleep(seconds(1_000_000)).await;
            deadline.reset_after(limit);
            sleep(seconds(1_000_000)).await;
            "done"
        });
        assert_eq!(block, Ok("done"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_point_in_time_is_no_overflow() {
    let mut last = Instant::now();
    let mut step = Duration::MAX;
    while step > Duration::ZERO {
        match last.checked_add(step) {
            Some(later) => last = later,
            None => step /= 2,
        }
    }
    assert_eq!(last.checked_add(Duration::from_nanos(1)), None);
    let block = async_with!(deadline(last) as deadline => {
        assert_eq!(deadline.deadline(), Some(last));
        sleep(seconds(1_000_000)).await;
        "done"
    });
    assert_eq!(block, Ok("done"));
}

// The paused clock would stand still here.
#[tokio::test]
async fn a_body_that_is_always_ready_and_never_ends_is_interrupted() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let (start, patience) = (Instant::now(), Duration::from_millis(20));
    let block = async_with!(timeout(patience) => {
        // At each poll it uses up the budget that tokio gives a task.
        while start.elapsed() < seconds(30) {
            sender.send(()).unwrap();
            receiver.recv().await;
        }
    });
    assert_eq!(limit(block), patience);
}

// Moving the deadline.

// CPython's `test_reschedule`.
#[tokio::test(start_paused = true)]
async fn the_body_moves_its_deadline() {
    let start = Instant::now();
    let block = async_with!(timeout(seconds(10)) as deadline => {
        sleep(seconds(8)).await;
        deadline.reset(start + seconds(30));
        assert_eq!(deadline.deadline(), Some(start + seconds(30)));
        assert_eq!(deadline.remaining(), Some(seconds(22)));
        sleep(seconds(18)).await;
        pending::<()>().await;
    });
    assert_eq!(limit(block), seconds(30));
    assert_eq!(start.elapsed(), seconds(30));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_moved_nearer_interrupts_earlier() {
    let start = Instant::now();
    let block = async_with!(timeout(seconds(10)) as deadline => {
        sleep(seconds(1)).await;
        deadline.reset_after(seconds(2));
        pending::<()>().await;
    });
    assert_eq!(limit(block), seconds(3));
    assert_eq!(start.elapsed(), seconds(3));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_moved_when_it_is_over_does_not_interrupt() {
    let block = async_with!(timeout(seconds(5)) as deadline => {
        sleep(seconds(5)).await;
        assert_eq!(deadline.remaining(), Some(Duration::ZERO));
        deadline.reset_after(seconds(5));
        sleep(seconds(4)).await;
        "done"
    });
    assert_eq!(block, Ok("done"));
}

// CPython's `test_timeout_disabled`, `test_timeout_at_disabled`.
#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_taken_away_does_not_interrupt_until_there_is_one_again() {
    let start = Instant::now();
    let block = async_with!(timeout(seconds(5)) as deadline => {
        deadline.disable();
        assert_eq!((deadline.deadline(), deadline.remaining()), (None, None));
        sleep(seconds(1000)).await;
        deadline.reset_after(seconds(5));
        pending::<()>().await;
    });
    assert_eq!(limit(block), seconds(1005));
    assert_eq!(start.elapsed(), seconds(1005));
}

// Several.

// CPython's `test_nested_timeouts`.
#[tokio::test(start_paused = true)]
async fn of_nested_ones_that_are_over_at_once_only_the_outermost_reports() {
    let (end, trace) = (Instant::now() + seconds(5), Trace::new());
    let block = async {
        async_with!(deadline(end) => {
            let inner = async_with!(deadline(end) => { pending::<()>().await });
            trace.log(format!("the inner one gave {inner:?}"));
            pending::<()>().await;
        })
    };
    assert_eq!(limit(block.await), seconds(5));
    settle().await;
    assert_eq!(trace.events(), [""; 0]);
}

// CPython's `test_nested_timeouts_concurrent`.
#[tokio::test(start_paused = true)]
async fn an_outer_one_that_is_over_cuts_an_inner_one_that_is_not() {
    let trace = Trace::new();
    let block = async_with!(timeout(seconds(2)) => {
        let inner = async_with!(timeout(seconds(100)) => {
            // The task is busy when the outer time is over.
            advance(seconds(10)).await;
            sleep(seconds(1000)).await;
        });
        trace.log(format!("the inner one gave {inner:?}"));
    });
    assert_eq!(limit(block), seconds(2));
    assert_eq!(trace.events(), [""; 0]);
}

// CPython's `test_nested_timeouts_loop_busy`.
#[tokio::test(start_paused = true)]
async fn of_two_that_became_over_while_the_task_was_busy_only_the_outer_one_reports() {
    let trace = Trace::new();
    let block = async_with!(timeout(seconds(10)) => {
        let inner = async_with!(timeout(seconds(1)) => {
            advance(seconds(10)).await;
            sleep(seconds(100)).await;
        });
        trace.log(format!("the inner one gave {inner:?}"));
        pending::<()>().await;
    });
    assert_eq!(limit(block), seconds(10));
    assert_eq!(trace.events(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_inner_one_that_is_over_first_is_a_value_to_the_outer_body() {
    let start = Instant::now();
    let block = async_with!(timeout(seconds(5)) => {
        let inner = async_with!(timeout(seconds(1)) => { pending::<()>().await });
        assert_eq!(limit(inner), seconds(1));
        "the outer body goes on"
    });
    assert_eq!(block, Ok("the outer body goes on"));
    assert_eq!(start.elapsed(), seconds(1));
}

#[tokio::test(start_paused = true)]
async fn in_one_block_the_first_item_that_is_over_is_the_error() {
    let block = async_with!(timeout(seconds(5)), timeout(seconds(3)) => { pending::<()>().await });
    assert_eq!(limit(block), seconds(3));
    let block = async_with!(timeout(seconds(3)), timeout(seconds(5)) => { pending::<()>().await });
    assert_eq!(limit(block), seconds(3));
}

// Other ways out.

// CPython's `test_foreign_exception_passed`.
#[tokio::test(start_paused = true)]
async fn each_way_out_passes() {
    #[derive(Debug, PartialEq)]
    enum Ended {
        Late(Elapsed),
        Failed(&'static str),
    }

    impl From<Elapsed> for Ended {
        fn from(elapsed: Elapsed) -> Self {
            Self::Late(elapsed)
        }
    }

    async fn leave(way: &str) -> Result<Vec<&'static str>, Ended> {
        let mut steps = Vec::new();
        for turn in 0.. {
            async_with!(timeout(seconds(5)) => {
                sleep(seconds(1)).await;
                match way {
                    "return" => return Ok(vec!["returned"]),
                    "?" => Err(Ended::Failed("failed"))?,
                    "break" => break,
                    "continue" if turn == 0 => {
                        steps.push("continued");
                        continue;
                    }
                    "panic" => panic!("a body that panics"),
                    "late" => sleep(seconds(9)).await,
                    _ => steps.push("ended"),
                }
            })?;
            steps.push("after the block");
            break;
        }
        Ok(steps)
    }

    assert_eq!(leave("end").await, Ok(vec!["ended", "after the block"]));
    assert_eq!(leave("return").await, Ok(vec!["returned"]));
    assert_eq!(leave("?").await, Err(Ended::Failed("failed")));
    assert_eq!(leave("break").await, Ok(vec![]));
    assert_eq!(leave("continue").await, Ok(vec!["continued", "ended", "after the block"]));
    assert!(matches!(leave("late").await, Err(Ended::Late(elapsed)) if elapsed.limit() == seconds(5)));
    assert!(tokio::spawn(leave("panic")).await.unwrap_err().is_panic());
}

// CPython's `test_foreign_cancel_doesnt_timeout_if_not_expired`.
#[tokio::test(start_paused = true)]
async fn a_block_that_is_cut_is_simply_gone() {
    let trace = Trace::new();
    let block = async {
        async_with!(timeout(seconds(5)) => {
            scopeguard::defer! { trace.log("dropped") }
            trace.step("body").await;
            pending::<()>().await;
        })
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(trace.events(), ["body", "dropped"]);
}

// CPython's `test_outer_task_is_not_cancelled`.
#[tokio::test(start_paused = true)]
async fn the_task_goes_on_after_the_block() {
    let task = tokio::spawn(async {
        let late = async_with!(timeout(seconds(5)) => { pending::<()>().await });
        sleep(seconds(100)).await;
        late
    });
    assert_eq!(limit(task.await.unwrap()), seconds(5));
}

// With other managers.

// CPython's `test_nested_timeout_in_finally`, `test_timeout_after_cancellation`.
#[tokio::test(start_paused = true)]
async fn a_timeout_in_an_exit_works_also_when_that_exit_comes_from_a_timeout() {
    struct Slow(Trace);

    impl AsyncContextManager for Slow {
        type Value = ();
        type Error = Infallible;

        async fn enter(&mut self) -> Result<(), Infallible> {
            Ok(())
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
            let farewell = async_with!(timeout(seconds(2)) => { pending::<()>().await });
            self.0.log(format!("{outcome}: {}", farewell.unwrap_err()));
            Ok(())
        }
    }

    let (start, trace) = (Instant::now(), Trace::new());
    let block = async_with!(timeout(seconds(1)), Slow(trace.clone()) => { pending::<()>().await });
    assert_eq!(limit(block), seconds(1));
    assert_eq!(start.elapsed(), seconds(3), "the outer block waits for the inner exit");
    assert_eq!(trace.events(), ["cancelled: the body was interrupted: its time limit of 2s was over"]);
}

#[tokio::test(start_paused = true)]
async fn the_exits_in_the_body_are_waited_for() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let block = async {
        async_with!(timeout(seconds(1)).map_err(|_| "late"), Traced::new("A", &trace).exit_waits(&gate) => {
            pending::<()>().await;
        })
    };
    let opener = async {
        trace.reached("exit A: cancelled").await;
        sleep(seconds(10)).await;
        trace.log("opened");
        gate.open();
    };
    assert_eq!(tokio::join!(block, opener).0, Err("late"));
    assert_eq!(trace.events()[2..], ["exit A: cancelled", "opened", "exited A"]);
}

// The error.

#[tokio::test(start_paused = true)]
async fn the_error_says_what_was_over_and_is_one_of_io() {
    async fn in_anyhow() -> anyhow::Result<()> {
        async_with!(timeout(seconds(1)) => { pending::<()>().await })?;
        Ok(())
    }

    let late = async_with!(timeout(Duration::from_millis(1500)) => { pending::<()>().await }).unwrap_err();
    assert_eq!(late.to_string(), "the body was interrupted: its time limit of 1.5s was over");
    let error = io::Error::from(late);
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.get_ref().unwrap().downcast_ref::<Elapsed>(), Some(&late));
    assert_eq!(limit::<()>(Err(in_anyhow().await.unwrap_err().downcast().unwrap())), seconds(1));
}
