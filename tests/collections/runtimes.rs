//! Runtimes that end meanwhile, and none at all.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

use async_with::{AsyncContextManager, Outcome, async_with, settle, together};

use crate::common::part::checks::{check_exactly_once, check_nothing_lost, failed_exits};
use crate::common::part::{Ended, Leave, Plan, Run, block, body, install_hook, lost_outside_runs};
use crate::common::trace::poll_once;

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
        Ok(smol::block_on(block(parts, async move { body(&inner, Leave::AtTheEnd).await })).map_err(|f| f.0))
    };
    assert_eq!(ended, Ok(Ok(Leave::AtTheEnd)));
    check_exactly_once(&run.events(), "smol");
    // Cut while the second one is being entered: the first is exited on the background thread.
    let run = Run::new();
    let inner = run.clone();
    let mut cut =
        Box::pin(block(
            run.parts(&[Plan::ok(), Plan::ok()]),
            async move { body(&inner, Leave::AtTheEnd).await },
        ));
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
