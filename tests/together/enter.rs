//! Enters that fail, panic, are cut.

use std::future::pending;
use std::sync::Arc;

use async_with::{AsyncContextManagerExt, async_with, from_fn, settle, together};
use tokio::sync::Semaphore;

use crate::common::part::checks::check_exactly_once;
use crate::common::part::{End, Fault, Leave, Part, Plan, Run, Step, TO_THE_END, block, body, came};
use crate::common::trace::poll_once;
use crate::of_tuple;

/// Both fail in the same poll: the first is the result, the second is reported.
#[tokio::test]
async fn failures_in_one_poll_are_all_reported() {
    let failing = Plan::ends(End::Fails, End::Succeeds);
    let cut =
        came(|run| of_tuple(run.clone(), [failing, Plan::ok(), failing], Leave::AtTheEnd), TO_THE_END).await;
    assert_eq!(cut.ended, Some(Ok(Err("A enter".to_owned()))));
    assert_eq!(cut.run.lost_faults(), ["C enter"]);
    assert_eq!(cut.run.lost()[0].manager, std::any::type_name::<Part>());
    cut.run.expect(&[
        "enter A",
        "enter B",
        "enter C",
        "failed A enter",
        "entered B",
        "failed C enter",
        "exit B: failed",
    ]);
}

/// One fails and a later one panics in the same poll: the panic leaves, the failure is reported.
#[tokio::test]
async fn a_failure_beside_a_panic_in_one_poll_is_reported() {
    let (fails, panics) = (Plan::ends(End::Fails, End::Succeeds), Plan::ends(End::Panics, End::Succeeds));
    for plans in [[fails, Plan::ok(), panics], [Plan::ok(), fails, panics]] {
        let cut = came(|run| of_tuple(run.clone(), plans, Leave::AtTheEnd), TO_THE_END).await;
        assert_eq!(cut.ended, Some(Err("C enter".to_owned())));
        let failed = if plans[0] == fails { "A enter" } else { "B enter" };
        assert_eq!(cut.run.lost_faults(), [failed], "{:#?}", cut.events);
        let told: Vec<_> = cut.events.iter().filter(|event| event.starts_with("exit ")).collect();
        assert!(told.len() == 1 && told[0].ends_with(": panicked"), "{told:?}");
    }
}

/// What is still being entered when another one has failed is dropped before the block is left.
#[tokio::test]
async fn that_is_not_done_when_another_fails_is_dropped() {
    let permits = Arc::new(Semaphore::new(0));
    let waits = Arc::clone(&permits);
    let waiting = from_fn(
        move || async move {
            let _all = waits.acquire().await;
            Err::<(), _>("it was given a permit")
        },
        |(), _| async {},
    );
    let fails = from_fn(|| async { Err::<(), _>("failed") }, |(), _| async {});
    assert_eq!(async_with!(together((waiting, fails)) => {}), Err("failed"));
    permits.add_permits(1);
    assert!(permits.try_acquire().is_ok(), "nobody waits for it");
}

/// Cut, what is half-entered is dropped with the block, not whenever the runtime comes to it.
#[tokio::test]
async fn that_is_cut_is_dropped_at_once() {
    let run = Run::new();
    let dropped = run.clone();
    let pending_enter = from_fn(
        move || async move {
            let _guard = scopeguard::guard((), |()| dropped.trace.log("dropped"));
            pending::<Result<(), Fault>>().await
        },
        |(), _| async {},
    );
    let quick = Plan { enter: Step::new(0, End::Succeeds), ..Plan::ok() };
    let mut block = Box::pin(async { async_with!(together((run.part("A", quick), pending_enter)) => {}) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    run.expect(&["enter A", "entered A", "dropped"]);
    settle().await;
    run.expect(&["enter A", "entered A", "dropped", "exit A: cancelled"]);
}

/// A member that finishes its enter keeps the others from nothing, and what is around from its exit.
#[tokio::test]
async fn that_is_finished_when_it_is_cut_is_exited_before_what_is_around() {
    let slow =
        Plan { enter: Step::new(6, End::Succeeds), exit: Step::new(6, End::Succeeds), interrupts: None };
    for fails in [false, true] {
        for polls in 0..9 {
            let beside = if fails { Plan::ends(End::Fails, End::Succeeds) } else { Plan::ok() };
            let cut = came(
                |run| {
                    let parts = (run.part("B", beside), run.part("C", slow).finish_enter());
                    let inner = run.clone();
                    let inside = block(together(parts), async move { body(&inner, Leave::AtTheEnd).await });
                    block(run.part("around", Plan::ok()), Box::pin(inside))
                },
                polls,
            )
            .await;
            let what = format!("fails: {fails}, after {polls} polls: {:#?}", cut.events);
            check_exactly_once(&cut.events, &what);
            let at = |event: &str| cut.events.iter().position(|known| known.starts_with(event));
            if let (Some(over), Some(around)) = (at("over C"), at("exit around")) {
                assert!(over < around, "{what}");
            }
            if let (Some(over), Some(around)) = (at("over B"), at("exit around")) {
                assert!(over < around, "{what}");
            }
        }
    }
}
