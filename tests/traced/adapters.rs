//! In other adapters, and beside what fails.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::time::Duration;

use async_with::{AsyncContextManagerExt, LocalAsyncContextManagerExt, async_with};
use tracing::info;

use crate::common::trace::{Trace, Traced, poll_once, yield_once};
use crate::{IN_BODY, Recorder, Speaks, speaks};

#[tokio::test]
async fn the_body_stays_in_its_span_through_other_adapters() {
    /// A block over what an adapter makes of a traced manager.
    macro_rules! in_body {
        ($($manager:expr),* $(,)?) => {$(
            let (recorder, _guard) = Recorder::start();
            assert!(async_with!($manager => { speaks().await }).is_ok());
            recorder.expect_event("in body", &IN_BODY);
            recorder.expect_all_closed();
        )*};
    }

    let traced = || Speaks::new().traced("inside");
    in_body!(
        traced().map_err(|error| vec![error]),
        traced().map_err_local(|error| vec![error]),
        traced().boxed(),
        traced().finish_enter(),
        traced().exit_timeout(Duration::MAX),
        traced().boxed().finish_enter().exit_timeout(Duration::MAX).map_err(|error| vec![error]),
        Speaks::new().boxed().finish_enter().traced("outside"),
        Some(traced()),
        vec![traced()],
        (Speaks::new(), traced()),
        [Speaks::new().boxed(), traced().boxed()],
    );
}

#[tokio::test]
async fn traced_twice_the_body_is_in_both() {
    let (recorder, _guard) = Recorder::start();
    assert_eq!(async_with!(Speaks::new().traced("inner").traced("outer") => { speaks().await }), Ok(()));
    recorder.expect_event("in body", &["context_manager", "enter", "context_manager", "body"]);
    recorder.expect_all_closed();
}

#[tokio::test]
async fn a_traced_manager_still_interrupts_its_body() {
    let (recorder, _guard) = Recorder::start();
    let trace = Trace::new();
    let manager = AsyncContextManagerExt::traced(Traced::new("A", &trace).interrupts("stop"), "A".to_owned());
    assert_eq!(async_with!(manager => { pending::<()>().await }), Err("stop"));
    assert_eq!(recorder.only("context_manager").fields["outcome"], "interrupted");
}

#[tokio::test]
async fn without_a_subscriber_nothing_is_recorded_and_all_goes_well() {
    let block = async_with!(Speaks::new().traced("unheard") => {
        speaks().await;
        5
    });
    assert_eq!(block, Ok(5));
}

#[tokio::test]
async fn a_panic_in_a_poll_of_the_body_leaves_the_span() {
    let (recorder, _guard) = Recorder::start();
    let mut block = Box::pin(async {
        async_with!(Speaks::new().traced("panics") => {
            yield_once().await;
            panic_any("body");
        })
    });
    let caught = catch_unwind(AssertUnwindSafe(|| {
        while poll_once(block.as_mut()).is_pending() {
            info!("between polls");
        }
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"body"));
    recorder.expect_event("between polls", &[]);
    recorder.expect_event("in exit", &["context_manager", "exit"]);
}
