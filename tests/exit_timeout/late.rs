//! What becomes of an exit that is late, and of the result of its block.

use std::future::pending;

use std::pin::pin;

use std::time::Duration;

use async_with::{AsyncContextManagerExt, ExitTimeoutError, Outcome, async_with, defer, settle};

use futures::poll;

use tokio::time::{Instant, sleep};

use crate::common::trace::{Gate, Trace, Traced, losses};

use crate::common::ways::{WAYS, Way, leave, unique};

use crate::{LIMIT, caught, elapsed};

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

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_body_wins_over_a_late_exit_which_is_reported() {
    enum LateAfterFailure {}

    for way in [Way::WithAnErr, Way::QuestionMark, Way::Panic, Way::Interrupt] {
        let before = losses().over("LateAfterFailure").len();
        let (trace, gate) = (Trace::new(), Gate::new());
        let manager =
            Traced::new("A", &trace).exit_waits(&gate).interrupts("stop").marked::<LateAfterFailure>();
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
    enum LateAndFails {}
    losses();

    for panics in [false, true] {
        let (trace, gate, mark) = (Trace::new(), Gate::new(), unique("late"));
        let traced = Traced::new("A", &trace).exit_waits(&gate);
        let traced = if panics { traced.exit_panics(mark) } else { traced.exit_fails(mark) };
        let line = line!() + 1;
        let manager = traced.marked::<LateAndFails>().exit_timeout(LIMIT);
        assert!(elapsed(&async_with!(manager => {})));
        assert!(losses().of(mark).is_empty());
        gate.open();
        settle().await;
        let lost = losses().of(mark);
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].manager.ends_with("::LateAndFails>"), "{lost:?}");
        assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Completed));
    }
}
