//! The order under cancellation, of what the enter of a part left behind.

use std::panic::AssertUnwindSafe;

use async_with::{AsyncContextManager, AsyncContextManagerExt, Outcome, settle};

use crate::common::part::checks::{check_exactly_once, check_lifo};
use crate::common::part::{End, Fault, Leave, Part, Plan, Run, Step, block, body, came};
use crate::common::trace::poll_once;

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
        let slow =
            Plan { enter: Step::new(5, End::Succeeds), exit: Step::new(5, End::Succeeds), interrupts: None };
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
