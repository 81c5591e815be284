//! `together`: concurrent enters and exits, of which each is awaited and each failure reported.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, AsyncExitStack, Outcome, async_with, from_fn, ready, settle,
    together,
};
use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::common::log::Lost;
use crate::common::part::{
    End, Fault, Leave, Part, Plan, Run, Step, TO_THE_END, block, body, came, check_exactly_once,
    check_nothing_lost, dropped_at_every_poll, install_hook, lost_outside_runs,
};
use crate::common::trace::poll_once;

const FATES: [Plan; 5] = [
    Plan::ok(),
    Plan::ends(End::Fails, End::Succeeds),
    Plan::ends(End::Panics, End::Succeeds),
    Plan::ends(End::Succeeds, End::Fails),
    Plan::ends(End::Succeeds, End::Panics),
];

fn three(run: &Run, plans: &[Plan; 3]) -> [Part; 3] {
    run.parts(plans).try_into().ok().unwrap()
}

async fn of_tuple(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    let [a, b, c] = three(&run, &plans);
    block(together((a, b, c)), async { body(&run, leave).await }).await
}

async fn of_array(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    block(together(three(&run, &plans)), async { body(&run, leave).await }).await
}

async fn of_list(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    block(together(run.parts(&plans)), async { body(&run, leave).await }).await
}

async fn of_lists(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    let [a, b, c] = three(&run, &plans);
    block(together((vec![a], [Some(b), Some(c)])), async { body(&run, leave).await }).await
}

async fn of_togethers(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    let [a, b, c] = three(&run, &plans);
    block(together((a, together([b, c]))), async { body(&run, leave).await }).await
}

/// 125 fates of three parts that suspend differently often, every way out, cut at every poll: each exit runs once and to its
/// end, is told what it must be, and each failure of an exit is reported once.
///
/// A member that is `flat` has no members of its own. One that has them exits them by itself, and when it is dropped half-entered
/// because another one failed, those that it had entered are exited detached, told `Cancelled`.
async fn every_fate<F>(make: impl Fn(Run, [Plan; 3], Leave) -> F, what: &str, flat: bool)
where
    F: Future<Output = Result<Leave, Fault>>,
{
    for n in 0..125 {
        let mut plans = [FATES[n / 25], FATES[n / 5 % 5], FATES[n % 5]];
        for (index, plan) in plans.iter_mut().enumerate() {
            plan.enter.pends = [1, 3, 1][index];
            plan.exit.pends = [3, 1, 1][index];
        }
        let enters: Vec<_> = plans.iter().map(|plan| plan.enter.end).collect();
        let all_entered = enters.iter().all(|end| *end == End::Succeeds);
        for leave in Leave::ALL {
            if leave != Leave::AtTheEnd && !all_entered {
                continue;
            }
            let what = format!("{what} of {plans:?}, {leave:?}");
            let mut polls = 0;
            loop {
                let cut = came(|run| make(run.clone(), plans, leave), polls).await;
                let what = format!("{what}, after {polls} polls");
                check_exactly_once(&cut.events, &what);
                let begun = cut.before.iter().any(|event| event.starts_with("exit "));
                let told: Vec<_> = cut.events.iter().filter(|event| event.starts_with("exit ")).collect();
                // Of a panic that was leaving when the future went, nothing is said; all else is.
                if cut.ended.is_some() || all_entered || !begun {
                    check_nothing_lost(&cut.run, cut.ended.as_ref(), &what);
                }
                if !begun {
                    assert!(told.iter().all(|told| told.ends_with(": cancelled")), "{what}: {told:?}");
                } else if all_entered && flat {
                    let outcome = format!(": {}", leave.outcome());
                    assert!(told.iter().all(|told| told.ends_with(&outcome)), "{what}: {told:?}");
                } else if !all_entered {
                    assert!(!told.iter().any(|told| told.ends_with(": completed")), "{what}: {told:?}");
                }
                if let Some(ended) = cut.ended {
                    let panics = plans.iter().any(|plan| plan.exit.end == End::Panics);
                    if all_entered && (panics || leave == Leave::Panic) {
                        assert!(ended.is_err(), "{what}: {ended:?}");
                    }
                    assert!(
                        cut.before == cut.events || !(flat || all_entered),
                        "{what}: something is left to do"
                    );
                    assert_eq!(cut.events.iter().any(|event| event == "body"), all_entered, "{what}");
                    break;
                }
                polls += 1;
                assert!(polls < 50, "{what}: it hangs: {:#?}", cut.events);
            }
        }
    }
}

mod every_fate {
    use super::*;

    #[tokio::test]
    async fn of_a_tuple() {
        every_fate(super::of_tuple, "tuple", true).await;
    }

    #[tokio::test]
    async fn of_an_array() {
        every_fate(super::of_array, "array", true).await;
    }

    #[tokio::test]
    async fn of_a_list() {
        every_fate(super::of_list, "list", true).await;
    }

    #[tokio::test]
    async fn of_lists() {
        every_fate(super::of_lists, "lists", false).await;
    }

    #[tokio::test]
    async fn of_togethers() {
        every_fate(super::of_togethers, "together in together", false).await;
    }
}

#[tokio::test]
async fn an_interrupt_of_any_is_told_to_all() {
    for interrupting in 0..3 {
        let mut plans = [Plan::ok(); 3];
        plans[interrupting].interrupts = Some(1);
        let make = |run: &Run| of_tuple(run.clone(), plans, Leave::Never);
        let whole = dropped_at_every_poll(make, false, "interrupted").await;
        assert_eq!(whole.ended, Some(Ok(Err(format!("{} interrupt", ["A", "B", "C"][interrupting])))));
        let told: Vec<_> = whole.events.iter().filter(|event| event.starts_with("exit ")).collect();
        assert!(told.len() == 3 && told.iter().all(|told| told.ends_with(": interrupted")), "{told:?}");
    }
}

mod enter {
    use super::*;

    /// Both fail in the same poll: the first is the result, the second is reported.
    #[tokio::test]
    async fn failures_in_one_poll_are_all_reported() {
        let failing = Plan::ends(End::Fails, End::Succeeds);
        let cut =
            came(|run| of_tuple(run.clone(), [failing, Plan::ok(), failing], Leave::AtTheEnd), TO_THE_END)
                .await;
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
        let mut block =
            Box::pin(async { async_with!(together((run.part("A", quick), pending_enter)) => {}) });
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
                        let inside =
                            block(together(parts), async move { body(&inner, Leave::AtTheEnd).await });
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
}

mod concurrency {
    use super::*;

    fn slow(name: &'static str) -> impl AsyncContextManager<Value = &'static str, Error = Infallible> {
        from_fn(
            move || async move {
                sleep(Duration::from_secs(1)).await;
                Ok(name)
            },
            |_name, _outcome| sleep(Duration::from_secs(1)),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn takes_as_long_as_the_slowest() {
        let start = Instant::now();
        async_with!(together(vec![slow("a"), slow("b"), slow("c")]) as names => {
            assert_eq!(**names, ["a", "b", "c"]);
        });
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        let start = Instant::now();
        async_with!(together((vec![slow("a"), slow("b")], slow("c"))) as (names, name) => {
            assert_eq!((&**names, *name), (&["a", "b"][..], "c"));
        });
        assert_eq!(start.elapsed(), Duration::from_secs(4), "a list is one after the other");
    }

    #[tokio::test]
    async fn of_none_is_nothing() {
        let empty: Vec<Part> = Vec::new();
        let none: [Part; 0] = [];
        async_with!(together((together(empty), together(none), None::<Part>)) as (list, array, option) => {
            assert_eq!((list.len(), array.len(), option.is_none()), (0, 0, true));
        })
        .unwrap();
        async_with!(together((ready(1),)) as (one,) => assert_eq!(*one, 1));
    }

    #[tokio::test]
    async fn of_many_is_no_recursion() {
        let run = Run::new();
        let plans = vec![Plan::ok(); 10_000];
        let parts: Vec<_> =
            plans.iter().enumerate().map(|(n, plan)| run.part(n.to_string(), *plan)).collect();
        async_with!(together(parts) => {}).unwrap();
        assert_eq!(run.events().iter().filter(|event| event.starts_with("over ")).count(), 10_000);
    }

    #[tokio::test]
    async fn is_one_entry_of_a_stack() {
        let run = Run::new();
        let stack = AsyncExitStack::<Fault>::new();
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        drop(stack.enter(together(three_more(&run))).await.unwrap());
        stack.close().await.unwrap();
        check_exactly_once(&run.events(), "stack");
        assert!(run.events().last().unwrap() == "over A", "{:?}", run.events());
    }

    fn three_more(run: &Run) -> Vec<Part> {
        ["B", "C", "D"].map(|name| run.part(name, Plan::ok())).into()
    }
}

mod report {
    use super::*;

    #[tokio::test]
    async fn names_the_part_and_the_place() {
        let run = Run::new();
        let plan = Plan::ends(End::Succeeds, End::Fails);
        let parts = (run.part("A", plan), run.part("B", Plan { exit: Step::new(0, End::Fails), ..plan }));
        let line = line!() + 1;
        let managers = together(parts);
        assert_eq!(async_with!(managers => {}), Err(run.fault("B exit")));
        let lost = run.lost();
        assert_eq!(run.lost_faults(), ["A exit"]);
        assert_eq!((lost[0].manager, lost[0].outcome), (std::any::type_name::<Part>(), Outcome::Completed));
        assert_eq!((lost[0].file, lost[0].line), (file!(), line));
    }

    /// An error whose destructor panics keeps no exit from running.
    #[tokio::test]
    async fn of_an_error_that_panics_when_it_is_dropped_stops_no_exit() {
        #[derive(Debug)]
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                if !std::thread::panicking() {
                    std::panic::panic_any("it went off");
                }
            }
        }

        install_hook();
        let run = Run::new();
        let part = |pends, bomb: bool| {
            let run = run.clone();
            from_fn(
                || async { Ok::<(), Bomb>(()) },
                move |(), _| async move {
                    for _ in 0..pends {
                        tokio::task::yield_now().await;
                    }
                    run.trace.log(format!("exit {pends}"));
                    if bomb { Err(Bomb) } else { Ok(()) }
                },
            )
        };
        let managers = together([part(0, true), part(1, true), part(2, false)]);
        let caught = AssertUnwindSafe(async { async_with!(managers => {}) }).catch_unwind().await;
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"it went off"));
        run.expect(&["exit 0", "exit 1", "exit 2"]);
    }

    /// Nothing was entered, so nothing is lost with the runtime; what was is said to be.
    #[test]
    fn of_a_runtime_that_ends_is_of_what_was_entered() {
        struct Entered;

        impl AsyncContextManager for Entered {
            type Value = ();
            type Error = Infallible;

            async fn enter(&mut self) -> Result<(), Infallible> {
                Ok(())
            }

            async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
                unreachable!("its runtime has gone")
            }
        }

        install_hook();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let never = || from_fn(pending::<Result<(), Infallible>>, |(), _| async {});
        runtime.spawn(async move { async_with!(together((never(), never())) => {}) });
        runtime.spawn(async move { async_with!(together((Entered, never())) => {}) });
        runtime.block_on(async {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        });
        drop(runtime);
        let of_this = |lost: &Lost| lost.file == file!() && lost.error.contains("shut down");
        let lost: Vec<_> = lost_outside_runs().into_iter().filter(of_this).collect();
        assert!(lost.len() == 1 && lost[0].manager.contains("Entered"), "{lost:?}");
    }
}
