//! A timeout, written by hand.

use std::time::Duration;

use async_with::{AsyncContextManager, Interrupt, Outcome, async_with};
use tokio::time::{Instant, sleep, sleep_until};

use crate::common::trace::Trace;

#[derive(Debug, PartialEq)]
struct Elapsed;

struct Timeout(Duration);

impl AsyncContextManager for Timeout {
    type Value = Instant;
    type Error = Elapsed;

    async fn enter(&mut self) -> Result<Instant, Elapsed> {
        Ok(Instant::now() + self.0)
    }

    async fn exit(self, _deadline: Instant, _outcome: Outcome) -> Result<(), Elapsed> {
        Ok(())
    }

    fn interrupt(&self, deadline: &Instant) -> Interrupt<Elapsed> {
        let deadline = *deadline;
        Interrupt::when(async move {
            sleep_until(deadline).await;
            Elapsed
        })
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

// CPython's `test_timeout_basic`.
#[tokio::test(start_paused = true)]
async fn a_timeout_stops_a_body_that_takes_too_long() {
    let start = Instant::now();
    assert_eq!(async_with!(Timeout(seconds(5)) => { sleep(seconds(60)).await }), Err(Elapsed));
    assert_eq!(start.elapsed().as_secs(), 5);
}

// CPython's `test_timeout_not_called`.
#[tokio::test(start_paused = true)]
async fn a_timeout_lets_a_body_in_time_alone() {
    let start = Instant::now();
    let value = async_with!(Timeout(seconds(5)) as deadline => {
        sleep(seconds(4)).await;
        *deadline - start
    });
    assert_eq!(value, Ok(seconds(5)));
    assert_eq!(start.elapsed().as_secs(), 4);
}

// CPython's `test_timeout_zero`.
#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_stops_the_body_at_its_first_await() {
    let trace = Trace::new();
    let value = async_with!(Timeout(Duration::ZERO) => {
        trace.step("first").await;
        sleep(seconds(1)).await;
        trace.log("second");
    });
    assert_eq!(value, Err(Elapsed));
    assert_eq!(trace.events(), ["first"]);
}

// CPython's `test_nested_timeouts_concurrent` and `test_nested_timeouts`: whichever comes first reports.
#[tokio::test(start_paused = true)]
async fn of_nested_timeouts_the_first_to_come_reports() {
    let outer_first = async_with!(Timeout(seconds(1)) => {
        async_with!(Timeout(seconds(2)) => { sleep(seconds(60)).await })
    });
    assert_eq!(outer_first, Err(Elapsed));
    let inner_first = async_with!(Timeout(seconds(2)) => {
        async_with!(Timeout(seconds(1)) => { sleep(seconds(60)).await })
    });
    assert_eq!(inner_first, Ok(Err(Elapsed)));
}

// CPython's `test_foreign_exception_passed`.
#[tokio::test(start_paused = true)]
async fn a_timeout_lets_a_failure_of_the_body_pass() {
    let value = async_with!(Timeout(seconds(1)) => { Err::<(), _>("the body's own") });
    assert_eq!(value, Ok(Err("the body's own")));
}

// CPython's `test_nested_timeout_in_finally`: a timeout works inside the exit of an interrupted block.
#[tokio::test(start_paused = true)]
async fn a_timeout_works_inside_the_exit_of_an_interrupted_block() {
    struct SlowExit(Trace);

    impl AsyncContextManager for SlowExit {
        type Value = ();
        type Error = Elapsed;

        async fn enter(&mut self) -> Result<(), Elapsed> {
            Ok(())
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Elapsed> {
            self.0.log(outcome.to_string());
            async_with!(Timeout(seconds(1)) => { sleep(seconds(60)).await })
        }

        fn interrupt(&self, _value: &()) -> Interrupt<Elapsed> {
            Interrupt::never()
        }
    }

    let (trace, start) = (Trace::new(), Instant::now());
    let outer = async_with!(Timeout(seconds(1)), SlowExit(trace.clone()) => { sleep(seconds(60)).await });
    assert_eq!(outer, Err(Elapsed));
    assert_eq!(trace.events(), ["cancelled"]);
    assert_eq!(
        start.elapsed().as_secs(),
        2,
        "the outer exit waited for the inner, which its own timeout ended"
    );
}
