//! `Option`, `Vec`, arrays and tuples of managers: each fares as blocks nested in each other do.
//!
//! Interrupts are left out of the comparison: in nested blocks the one that is interrupted is told so, and those around it
//! that the body failed; here all parts are told of the interrupt, because they are in one block.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, AsyncExitStack, ObserveError, Outcome, async_with, defer,
    from_fn, ready, settle, together,
};

use crate::common::log::{Failure, Log, Lost, Suppressor};
use crate::common::part::{
    End, Ended, Fault, Leave, Part, Plan, Run, Step, TO_THE_END, block, body, came, check_exactly_once,
    check_lifo, check_nothing_lost, dropped_at_every_poll, failed_exits, install_hook, lost_outside_runs,
    nested,
};
use crate::common::trace::{poll_once, yield_once};

/// Every way in which a part that is not interrupted can fare.
const FATES: [Plan; 5] = [
    Plan::ok(),
    Plan::ends(End::Fails, End::Succeeds),
    Plan::ends(End::Panics, End::Succeeds),
    Plan::ends(End::Succeeds, End::Fails),
    Plan::ends(End::Succeeds, End::Panics),
];

fn fates() -> impl Iterator<Item = [Plan; 3]> {
    (0..125).map(|n| [FATES[n / 25], FATES[n / 5 % 5], FATES[n % 5]])
}

fn three(run: &Run, plans: &[Plan; 3]) -> [Part; 3] {
    run.parts(plans).try_into().ok().unwrap()
}

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
    for plans in fates() {
        for leave in Leave::ALL {
            // The ways out differ only where the body is reached.
            if leave != Leave::AtTheEnd && plans.iter().any(|plan| plan.enter.end != End::Succeeds) {
                continue;
            }
            let what = format!("{} of {plans:?}, {leave:?}", C::NAME);
            let composite = |run: &Run| {
                let inner = run.clone();
                C::run(three(run, &plans), async move { body(&inner, leave).await })
            };
            let nest = |run: &Run| {
                let inner = run.clone();
                nested(Vec::from(three(run, &plans)).into_iter(), async move { body(&inner, leave).await })
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
                    C::run(three(run, &plans), async move { body(&inner, Leave::Never).await })
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

/// A value that the body has taken away cannot be exited; that is said.
mod taken_away {
    use super::*;

    fn unreachable_exit() {
        unreachable!("there is nothing to exit")
    }

    fn reported_at(line: u32) -> Vec<Lost> {
        let taken =
            |lost: &Lost| lost.error.contains("taken out") && lost.file == file!() && lost.line == line;
        lost_outside_runs().into_iter().filter(taken).collect()
    }

    #[tokio::test]
    async fn from_an_option_is_reported() {
        install_hook();
        let run = Run::new();
        let stolen = from_fn(|| async { Ok::<_, Fault>(1) }, |_, _| async { unreachable_exit() });
        let line = line!() + 1;
        async_with!((run.part("A", Plan::ok()), Some(stolen)) as (_, value) => {
            assert_eq!(value.take(), Some(1));
        })
        .unwrap();
        run.expect(&["enter A", "entered A", "exit A: completed"]);
        let outcomes: Vec<_> = reported_at(line).into_iter().map(|lost| lost.outcome).collect();
        assert_eq!(outcomes, [Outcome::Completed]);
    }

    #[tokio::test]
    async fn from_a_list_is_reported_for_each() {
        install_hook();
        let line = line!() + 1;
        async_with!(vec![ready(1), ready(2), ready(3)] as values => {
            assert_eq!(std::mem::take(values).len(), 3);
        });
        assert_eq!(reported_at(line).len(), 3);
        let line = line!() + 1;
        async_with!(together(vec![ready(1), ready(2), ready(3)]) as values => {
            *values = Box::new([4]);
        });
        assert_eq!(reported_at(line).len(), 2);
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

/// The order under cancellation, of what the enter of a part left behind.
mod detached_in_an_enter {
    use super::*;

    /// Its enter cuts a block, whose exit runs on detached, and then ends in some way.
    struct Cuts(Run, End);

    impl AsyncContextManager for Cuts {
        type Value = ();
        type Error = Fault;

        async fn enter(&mut self) -> Result<(), Fault> {
            let Self(run, end) = self;
            let slow = Plan { exit: Step::new(5, End::Succeeds), ..Plan::ok() };
            let mut nested = Box::pin(block(run.part("nested", slow), std::future::pending()));
            while !run.trace.has("entered nested") {
                assert!(poll_once(nested.as_mut()).is_pending());
            }
            // In a panic, it is the unwinding that cuts the block.
            match end {
                End::Succeeds => drop(nested),
                End::Fails => Err(run.fault("cut"))?,
                End::Panics => std::panic::panic_any(run.fault("cut").0),
            }
            Ok(())
        }

        async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Fault> {
            Ok(())
        }
    }

    async fn ends_before_those_around<M: AsyncContextManager<Error = Fault>>(
        ends: &[End],
        make: impl Fn(Part, Cuts) -> M,
    ) {
        for &end in ends {
            let make = |run: &Run| {
                let inner = run.clone();
                block(make(run.part("A", Plan::ok()), Cuts(run.clone(), end)), async move {
                    body(&inner, Leave::AtTheEnd).await
                })
            };
            let run = Run::new();
            let caught = tokio::spawn(futures::FutureExt::catch_unwind(AssertUnwindSafe({
                let run = run.clone();
                let block = make(&run);
                async move { drop(block.await) }
            })));
            assert_eq!(caught.await.unwrap().is_err(), end == End::Panics);
            settle().await;
            check_exactly_once(&run.events(), &format!("{end:?}"));
            check_lifo(&run.events(), &format!("{end:?}"));
        }
    }

    #[tokio::test]
    async fn that_fails_ends_before_earlier_parts_are_exited() {
        const ENDS: &[End] = &[End::Fails, End::Panics];
        ends_before_those_around(ENDS, |a, cuts| (a, cuts)).await;
        ends_before_those_around(ENDS, |a, cuts| [a.boxed_unit(), cuts.boxed_unit()]).await;
        ends_before_those_around(ENDS, |a, cuts| vec![a.boxed_unit(), cuts.boxed_unit()]).await;
        ends_before_those_around(ENDS, |a, cuts| vec![(a, Some(cuts))]).await;
        ends_before_those_around(ENDS, |a, cuts| (a, (None::<Part>, vec![Some(cuts)]))).await;
    }

    #[tokio::test]
    async fn that_succeeds_ends_before_earlier_parts_are_exited() {
        const ENDS: &[End] = &[End::Succeeds];
        ends_before_those_around(ENDS, |a, cuts| (a, cuts)).await;
        ends_before_those_around(ENDS, |a, cuts| [a.boxed_unit(), cuts.boxed_unit()]).await;
        ends_before_those_around(ENDS, |a, cuts| vec![a.boxed_unit(), cuts.boxed_unit()]).await;
        ends_before_those_around(ENDS, |a, cuts| vec![(a, Some(cuts))]).await;
        ends_before_those_around(ENDS, |a, cuts| (a, (None::<Part>, vec![Some(cuts)]))).await;
    }

    trait BoxedUnit: AsyncContextManager<Error = Fault> {
        /// With a value of one type for all.
        fn boxed_unit(self) -> async_with::BoxContextManager<Option<String>, Fault>;
    }

    impl BoxedUnit for Part {
        fn boxed_unit(self) -> async_with::BoxContextManager<Option<String>, Fault> {
            Some(self).boxed()
        }
    }

    impl BoxedUnit for Cuts {
        fn boxed_unit(self) -> async_with::BoxContextManager<Option<String>, Fault> {
            struct Unit(Cuts);
            impl AsyncContextManager for Unit {
                type Value = Option<String>;
                type Error = Fault;
                async fn enter(&mut self) -> Result<Option<String>, Fault> {
                    self.0.enter().await.map(|()| None)
                }
                async fn exit(self, _value: Option<String>, outcome: Outcome) -> Result<(), Fault> {
                    self.0.exit((), outcome).await
                }
            }
            Unit(self).boxed()
        }
    }

    #[tokio::test]
    async fn is_finished_and_exited_before_earlier_parts_are_exited() {
        for polls in 0..12 {
            let slow = Plan {
                enter: Step::new(5, End::Succeeds),
                exit: Step::new(5, End::Succeeds),
                interrupts: None,
            };
            let cut = came(
                |run| {
                    let (a, b) = (run.part("A", Plan::ok()), run.part("B", slow).finish_enter());
                    let inner = run.clone();
                    block((a, b), async move { body(&inner, Leave::AtTheEnd).await })
                },
                polls,
            )
            .await;
            let what = format!("after {polls} polls");
            check_exactly_once(&cut.events, &what);
            check_lifo(&cut.events, &what);
            let begun = cut.before.iter().any(|event| event == "enter B");
            assert_eq!(begun, cut.events.iter().any(|event| event == "exited B"), "{what}: {:?}", cut.events);
        }
    }
}

mod opt_in_traits {
    use super::*;

    /// Writes what it observes.
    struct Observer(&'static str, Log);

    impl AsyncContextManager for Observer {
        type Value = ();
        type Error = Infallible;

        async fn enter(&mut self) -> Result<(), Infallible> {
            Ok(())
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
            self.1.add(format!("exit {}: {outcome}", self.0));
            Ok(())
        }
    }

    impl ObserveError for Observer {
        fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
            self.1.add(format!("{} saw {error}", self.0));
        }
    }

    #[tokio::test]
    async fn observe_asks_each_part_from_the_inside_out() {
        async fn option(manager: Option<Observer>) -> Result<(), Failure> {
            async_with!(manager => { Err(Failure("it"))?; });
            Ok(())
        }

        async fn list(manager: Vec<Observer>) -> Result<(), Failure> {
            async_with!(manager => { Err(Failure("it"))?; });
            Ok(())
        }

        async fn array(manager: [Option<Observer>; 2]) -> Result<(), Failure> {
            async_with!(manager => { Err(Failure("it"))?; });
            Ok(())
        }

        let log = Log::default();
        let observer = |name| Observer(name, log.clone());
        option(Some(observer("a"))).await.unwrap_err();
        log.expect(&["a saw it", "exit a: failed"]);
        option(None).await.unwrap_err();
        log.expect(&[]);
        list(vec![observer("a"), observer("b")]).await.unwrap_err();
        log.expect(&["b saw it", "a saw it", "exit b: failed", "exit a: failed"]);
        array([Some(observer("a")), None]).await.unwrap_err();
        log.expect(&["a saw it", "exit a: failed"]);
    }

    #[tokio::test]
    async fn suppress_is_asked_through_some_and_not_through_none() {
        async fn run(manager: Option<Suppressor<Infallible>>) -> Result<&'static str, Failure> {
            let value: Option<()> = async_with!(manager => { Err(Failure("it"))?; });
            assert_eq!(value, None);
            Ok("went on")
        }

        let log = Log::default();
        assert_eq!(run(Some(Suppressor(log.sure("a"), true))).await, Ok("went on"));
        log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
        assert_eq!(run(Some(Suppressor(log.sure("a"), false))).await, Err(Failure("it")));
        log.expect(&["enter a", "ask a: failed", "exit a: failed"]);
        assert_eq!(run(None).await, Err(Failure("it")));
        log.expect(&[]);
    }
}

/// The parts must survive destructors that panic, as nested blocks do.
mod panicking_destructors {
    use super::*;

    #[derive(Debug)]
    struct Bomb(#[allow(dead_code, reason = "its text is read through Debug")] &'static str);

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "{} went off", self.0);
        }
    }

    fn part(
        name: &'static str,
        log: &Log,
        bomb: bool,
    ) -> impl AsyncContextManager<Value = (), Error = Bomb> + use<> {
        let log = log.clone();
        from_fn(
            || async { Ok::<(), Bomb>(()) },
            move |(), outcome| async move {
                log.add(format!("exit {name}: {outcome}"));
                if bomb { Err(Bomb(name)) } else { Ok(()) }
            },
        )
    }

    async fn all_are_exited(log: &Log, run: impl Future<Output = Result<(), Bomb>>) {
        let caught = futures::FutureExt::catch_unwind(AssertUnwindSafe(run)).await;
        let payload = caught.expect_err("the bomb of b goes off");
        assert_eq!(payload.downcast_ref::<String>().unwrap(), "b went off");
        // That of c is the failure, that of b is lost; a comes after a panic.
        log.expect(&["exit c: completed", "exit b: failed", "exit a: panicked"]);
    }

    #[tokio::test]
    async fn of_a_lost_error_keep_no_part_from_running() {
        async fn all(parts: Vec<impl AsyncContextManager<Value = (), Error = Bomb>>) -> Result<(), Bomb> {
            async_with!(parts => {})
        }

        let log = &Log::default();
        all_are_exited(log, all(vec![part("a", log, false), part("b", log, true), part("c", log, true)]))
            .await;
        let bombs = || [part("a", log, false), part("b", log, true), part("c", log, true)];
        all_are_exited(log, async {
            let stack = AsyncExitStack::new();
            for part in bombs() {
                drop(stack.enter(part).await?);
            }
            stack.close().await
        })
        .await;
        all_are_exited(log, async {
            async_with!((part("a", log, false), part("b", log, true), part("c", log, true)) => {})
        })
        .await;
    }
}

mod many {
    use super::*;

    /// Ten thousand parts that each suspend once, on a thread with a small stack: no recursion; and no more polls than there
    /// are suspensions.
    #[test]
    fn are_entered_and_exited_one_after_the_other_in_linear_time() {
        const MANY: usize = 10_000;
        let run = || {
            let order = Arc::new(Mutex::new((0, Vec::with_capacity(MANY))));
            let managers: Vec<_> = (0..MANY)
                .map(|n| {
                    let (entered, exited) = (Arc::clone(&order), Arc::clone(&order));
                    from_fn(
                        move || async move {
                            yield_once().await;
                            assert_eq!(entered.lock().unwrap().0, n);
                            entered.lock().unwrap().0 += 1;
                            Ok::<_, Infallible>(n)
                        },
                        move |value, _outcome| async move {
                            yield_once().await;
                            exited.lock().unwrap().1.push(value);
                        },
                    )
                })
                .collect();
            let mut block = Box::pin(async move { async_with!(managers => {}) });
            let polls = (1..3 * MANY).find(|_| poll_once(block.as_mut()).is_ready()).expect("it hangs");
            assert_eq!(polls, 2 * MANY + 1);
            assert_eq!(order.lock().unwrap().1, (0..MANY).rev().collect::<Vec<_>>());
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap().join().unwrap();
    }

    #[tokio::test]
    async fn are_exited_in_order_when_cut() {
        const MANY: usize = 10_000;
        let exited = Arc::new(Mutex::new(Vec::new()));
        let managers: Vec<_> = (0..MANY)
            .map(|n| {
                let exited = Arc::clone(&exited);
                defer(move |outcome| async move {
                    yield_once().await;
                    assert_eq!(outcome, Outcome::Cancelled);
                    exited.lock().unwrap().push(n);
                })
            })
            .collect();
        let mut block = Box::pin(async move { async_with!(managers => std::future::pending::<()>().await) });
        assert!(poll_once(block.as_mut()).is_pending());
        drop(block);
        settle().await;
        assert_eq!(*exited.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
    }
}

mod runtimes {
    use super::*;

    /// Nothing was entered, so nothing is lost with the runtime.
    #[test]
    fn that_end_while_the_first_part_is_entered_lose_nothing() {
        struct Unentered;

        impl AsyncContextManager for Unentered {
            type Value = ();
            type Error = Infallible;

            async fn enter(&mut self) -> Result<(), Infallible> {
                std::future::pending().await
            }

            async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
                unreachable!("it is not entered")
            }
        }

        install_hook();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.spawn(async { async_with!(vec![Unentered] => {}) });
        runtime.spawn(async { async_with!([Unentered] => {}) });
        runtime.spawn(async { async_with!((Unentered, Unentered) => {}) });
        runtime.spawn(async { async_with!(Some(Unentered) => {}) });
        runtime.spawn(async { async_with!(together((Unentered, Unentered)) => {}) });
        runtime.block_on(yield_twice());
        drop(runtime);
        let lost: Vec<_> =
            lost_outside_runs().into_iter().filter(|lost| lost.manager.contains("Unentered")).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }

    async fn yield_twice() {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }

    #[test]
    fn are_not_needed() {
        let run = Run::new();
        let ended: Ended = {
            let inner = run.clone();
            let parts = run.parts(&[Plan::ok(), Plan::ok()]);
            Ok(smol::block_on(block(parts, async move { body(&inner, Leave::AtTheEnd).await }))
                .map_err(|f| f.0))
        };
        assert_eq!(ended, Ok(Ok(Leave::AtTheEnd)));
        check_exactly_once(&run.events(), "smol");
        // Cut while the second one is being entered: the first is exited on the background thread.
        let run = Run::new();
        let inner = run.clone();
        let mut cut = Box::pin(block(run.parts(&[Plan::ok(), Plan::ok()]), async move {
            body(&inner, Leave::AtTheEnd).await
        }));
        while !run.trace.has("enter B") {
            assert!(poll_once(cut.as_mut()).is_pending());
        }
        drop(cut);
        smol::block_on(settle());
        run.expect(&["enter A", "entered A", "enter B", "exit A: cancelled"]);
        check_exactly_once(&run.events(), "background");
        check_nothing_lost(&run, None, "background");
        assert!(failed_exits(&run.events()).is_empty());
    }

    /// `enter` through a reference cannot undo what it did: it says so before it does anything.
    #[tokio::test]
    async fn arrays_that_are_not_owned_are_not_entered() {
        let run = Run::new();
        let mut array = [run.part("A", Plan::ok())];
        let mut enter = Box::pin(array.enter());
        let payload = catch_unwind(AssertUnwindSafe(|| poll_once(enter.as_mut()).is_ready())).unwrap_err();
        assert!(payload.downcast_ref::<String>().unwrap().contains("must be owned"));
        run.expect(&[]);
    }
}
