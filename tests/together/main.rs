//! `together`: concurrent enters and exits, of which each is awaited and each failure reported.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;

mod concurrency;

mod enter;

mod report;

use async_with::together;

use crate::common::part::checks::{check_exactly_once, check_nothing_lost, dropped_at_every_poll};
use crate::common::part::{End, Fault, Leave, Plan, Run, block, body, came};

async fn of_tuple(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    let [a, b, c] = run.three(&plans);
    block(together((a, b, c)), async { body(&run, leave).await }).await
}

async fn of_array(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    block(together(run.three(&plans)), async { body(&run, leave).await }).await
}

async fn of_list(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    block(together(run.parts(&plans)), async { body(&run, leave).await }).await
}

async fn of_lists(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    let [a, b, c] = run.three(&plans);
    block(together((vec![a], [Some(b), Some(c)])), async { body(&run, leave).await }).await
}

async fn of_togethers(run: Run, plans: [Plan; 3], leave: Leave) -> Result<Leave, Fault> {
    let [a, b, c] = run.three(&plans);
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
    for mut plans in Plan::fates() {
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
