//! `Option`, `Vec`, arrays and tuples of managers: each fares as blocks nested in each other do.
//!
//! Interrupts are left out of the comparison: in nested blocks the one that is interrupted is told so, and those around it
//! that the body failed; here all parts are told of the interrupt, because they are in one block.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;

mod detached_in_an_enter;

mod many;

mod opt_in_traits;

mod panicking_destructors;

mod runtimes;

mod taken_away;

use std::pin::pin;

use std::task::Poll;

use async_with::{AsyncContextManagerExt, Outcome, async_with, defer, ready};

use crate::common::part::checks::{check_exactly_once, check_lifo, dropped_at_every_poll};
use crate::common::part::{End, Fault, Leave, Part, Plan, Run, TO_THE_END, block, body, came, nested};

use crate::common::trace::poll_once;

/// What is compared with nested blocks: the same parts A, B, C in some composite.
trait Composite {
    const NAME: &'static str;
    fn run(
        parts: [Part; 3],
        inner: impl Future<Output = Result<Leave, Fault>>,
    ) -> impl Future<Output = Result<Leave, Fault>>;
}

macro_rules! composite {
    ($Name:ident: $parts:ident => $manager:expr) => {
        struct $Name;

        impl Composite for $Name {
            const NAME: &'static str = stringify!($Name);

            fn run(
                $parts: [Part; 3],
                inner: impl Future<Output = Result<Leave, Fault>>,
            ) -> impl Future<Output = Result<Leave, Fault>> {
                block($manager, inner)
            }
        }
    };
}

composite!(List: parts => Vec::from(parts));
composite!(Array: parts => parts);
composite!(Tuple: parts => { let [a, b, c] = parts; (a, b, c) });
composite!(Boxed: parts => Vec::from(parts.map(AsyncContextManagerExt::boxed)).boxed());
composite!(TupleOfAnArrayBoxed: parts => { let [a, b, c] = parts; (a.boxed(), [b.boxed(), c.boxed()]).boxed() });
composite!(Optional: parts => Some(Vec::from(parts.map(Some))));
composite!(TupleInTuple: parts => { let [a, b, c] = parts; (a, (b, (None::<Part>, c))) });
composite!(ListOfPairs: parts => { let [a, b, c] = parts; vec![(a, Some(b)), (c, None)] });
composite!(ArrayOfLists: parts => { let [a, b, c] = parts; [vec![], vec![a, b], vec![c]] });
composite!(ListOfOne: parts => { let [a, b, c] = parts; vec![[(vec![a], [b], (c,))]] });

/// Undropped it is the same, dropped at any poll it does what one block does.
async fn fares_as_nested_blocks<C: Composite>() {
    for plans in Plan::fates() {
        for leave in Leave::ALL {
            // The ways out differ only where the body is reached.
            if leave != Leave::AtTheEnd && plans.iter().any(|plan| plan.enter.end != End::Succeeds) {
                continue;
            }
            let what = format!("{} of {plans:?}, {leave:?}", C::NAME);
            let composite = |run: &Run| {
                let inner = run.clone();
                C::run(run.three(&plans), async move { body(&inner, leave).await })
            };
            let nest = |run: &Run| {
                let inner = run.clone();
                nested(Vec::from(run.three(&plans)).into_iter(), async move { body(&inner, leave).await })
            };
            let whole = dropped_at_every_poll(composite, true, &what).await;
            let reference = came(nest, TO_THE_END).await;
            assert_eq!(whole.events, reference.events, "{what}");
            assert_eq!(whole.ended, reference.ended, "{what}");
            check_exactly_once(&reference.events, &what);
            check_lifo(&reference.events, &what);
            let mut lost = whole.run.lost_faults();
            // In nested blocks the error of an inner exit is the failure of the bodies around it; a panic of an outer exit
            // replaces it. One block knows it as an error of an exit and reports it.
            let succeeded =
                leave.outcome().is_success() && plans.iter().all(|plan| plan.enter.end == End::Succeeds);
            if succeeded && matches!(whole.ended, Some(Err(_))) {
                let first = whole.events.iter().find(|event| event.starts_with("failed ")).unwrap();
                lost.retain(|fault| !first.ends_with(fault.as_str()));
            }
            assert_eq!(lost, reference.run.lost_faults(), "{what}: {:#?}", whole.events);
        }
    }
}

macro_rules! each_composite {
    ($($name:ident: $Name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            fares_as_nested_blocks::<$Name>().await;
        })*
    };
}

/// 125 fates of three parts, every way out, dropped at every poll.
mod fares_as_nested_blocks {
    use super::*;

    each_composite! {
        list: List
        array: Array
        tuple: Tuple
        boxed: Boxed
        tuple_of_an_array_boxed: TupleOfAnArrayBoxed
        optional: Optional
        tuple_in_tuple: TupleInTuple
        list_of_pairs: ListOfPairs
        array_of_lists: ArrayOfLists
        list_of_one: ListOfOne
    }
}

mod interrupt {
    use super::*;

    async fn of_any_part<C: Composite>() {
        for interrupting in 0..3 {
            for exit_fails in 0..4 {
                let mut plans = [Plan::ok(); 3];
                plans[interrupting].interrupts = Some(2);
                if let Some(plan) = plans.get_mut(exit_fails) {
                    plan.exit.end = End::Fails;
                }
                let what = format!("{} interrupted by {interrupting}", C::NAME);
                let make = |run: &Run| {
                    let inner = run.clone();
                    C::run(run.three(&plans), async move { body(&inner, Leave::Never).await })
                };
                let whole = dropped_at_every_poll(make, true, &what).await;
                let name = ["A", "B", "C"][interrupting];
                assert_eq!(whole.ended, Some(Ok(Err(format!("{name} interrupt")))), "{what}");
                for event in whole.events.iter().filter(|event| event.starts_with("exit ")) {
                    assert!(event.ends_with(": interrupted"), "{what}: {event}");
                }
            }
        }
    }

    #[tokio::test]
    async fn of_any_part_stops_the_body_and_all_are_told() {
        of_any_part::<List>().await;
        of_any_part::<Array>().await;
        of_any_part::<Tuple>().await;
        of_any_part::<Optional>().await;
        of_any_part::<ListOfPairs>().await;
        of_any_part::<TupleInTuple>().await;
    }

    #[tokio::test]
    async fn does_not_come_to_a_body_that_is_ready() {
        let run = Run::new();
        let soon = Plan { interrupts: Some(0), ..Plan::ok() };
        let value = async_with!((Some(run.part("A", soon)), vec![run.part("B", soon)]) => 5);
        assert_eq!(value, Ok(5));
    }
}

mod values {
    use super::*;

    #[tokio::test]
    async fn have_the_shape_of_the_managers() {
        async_with!(vec![ready(1), ready(2)] as values => {
            values[0] += 10;
            assert_eq!(**values, [11, 2]);
        });
        async_with!([ready('a'), ready('b')] as [a, b] => assert_eq!((*a, *b), ('a', 'b')));
        async_with!((ready(1), ready("x"), Some(ready(2.0))) as (one, text, float) => {
            assert_eq!((*one, *text, *float), (1, "x", Some(2.0)));
        });
        async_with!((ready(1), ready(2), ready(3), ready(4), ready(5), ready(6), ready(7), ready(8)) as values => {
            assert_eq!(*values, (1, 2, 3, 4, 5, 6, 7, 8));
        });
    }

    // CPython: the `None` of test_contextlib_async.TestAsyncNullcontext; test262: null and undefined values.
    #[tokio::test]
    async fn of_none_is_none() {
        async_with!(None::<Part> as value => assert_eq!(*value, None)).unwrap();
        async_with!(Vec::<Part>::new() as values => assert!(values.is_empty())).unwrap();
        let none: [Part; 0] = [];
        async_with!(none as values => assert!(values.is_empty())).unwrap();
    }

    // test262: await-using/explicit-await-for-null: here nothing is awaited.
    #[tokio::test]
    async fn that_are_none_suspend_nothing() {
        let mut nothing = pin!(async {
            async_with!((None::<Part>, Vec::<Part>::new()) => {}).unwrap();
        });
        assert_eq!(poll_once(nothing.as_mut()), Poll::Ready(()));
    }

    #[tokio::test]
    async fn of_later_parts_convert_their_errors_into_the_first() {
        #[derive(Debug)]
        struct Whole(String);
        impl From<Fault> for Whole {
            fn from(fault: Fault) -> Self {
                Self(fault.0)
            }
        }

        for end in 0..3 {
            let run = Run::new();
            let mut plan = Plan::ok();
            match end {
                0 => plan.enter.end = End::Fails,
                1 => plan.exit.end = End::Fails,
                _ => plan.interrupts = Some(1),
            }
            let first = defer(|_outcome| async { Ok::<(), Whole>(()) });
            let result = async_with!((first, run.part("B", plan)) => {
                if end == 2 {
                    std::future::pending::<()>().await;
                }
            });
            assert!(result.unwrap_err().0.contains(" B "));
        }
    }
}

mod report {
    use super::*;

    #[tokio::test]
    async fn names_the_part_and_the_block() {
        let run = Run::new();
        let plan = Plan::ends(End::Succeeds, End::Fails);
        let managers = (run.part("A", plan), run.part("B", plan), vec![Some(run.part("C", plan))]);
        let line = line!() + 1;
        let result = async_with!(managers => {});
        assert_eq!(result, Err(run.fault("C exit")));
        let lost: Vec<_> = run.lost();
        assert_eq!(run.lost_faults(), ["A exit", "B exit"]);
        for lost in lost {
            assert_eq!(lost.manager, std::any::type_name::<Part>());
            assert_eq!((lost.file, lost.line), (file!(), line));
            assert_eq!(lost.outcome, Outcome::Failed);
        }
    }
}
