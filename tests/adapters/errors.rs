//! Errors that are mapped, and those that are lost.

use std::future::pending;
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, LocalAsyncContextManagerExt, Outcome, async_with, settle,
};
use futures::FutureExt;

use crate::BoxError;
use crate::common::log::{Failure, Log};
use crate::common::trace::{Trace, Traced, cut_at, losses};
use crate::common::ways::{Ended, Fault, Way, seen, unique};

#[tokio::test]
async fn enter_exit_and_interrupt_fail_with_the_mapped_error() {
    let trace = Trace::new();
    let traced = || Traced::new("A", &trace);
    let enter = async_with!(traced().enter_fails("enter").map_err(|error| (1, error)) => {});
    assert_eq!(enter, Err((1, "enter")));
    let exit = async_with!(traced().exit_fails("exit").map_err(|error| (2, error)) => {});
    assert_eq!(exit, Err((2, "exit")));
    let interrupt =
        async_with!(traced().interrupts("stop").map_err(|error| (3, error)) => { pending().await });
    assert_eq!(interrupt, Err::<(), _>((3, "stop")));
    let local = traced().exit_fails("exit").local().map_err_local(|error| format!("local {error}"));
    let local = async_with!(local => {});
    assert_eq!(local, Err("local exit".to_owned()));
}

#[tokio::test]
async fn an_error_is_mapped_once() {
    let (trace, calls) = (Trace::new(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&calls);
    let manager = Traced::new("A", &trace).exit_fails("exit").map_err(move |error| {
        counted.fetch_add(1, Ordering::Relaxed);
        error
    });
    assert_eq!(async_with!(manager => 1), Err("exit"));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_body_keeps_its_own_error() {
    async fn run(trace: &Trace) -> Result<(), &'static str> {
        async_with!(Traced::new("A", trace).map_err(|_| -> &str { panic!("nothing to map") }) => { Err("body")? })
    }

    assert_eq!(run(&Trace::new()).await, Err("body"));
}

#[tokio::test]
async fn an_error_that_is_lost_is_lost_as_mapped() {
    let (log, mark) = (Log::default(), unique("mapped"));
    losses();
    let body = async_with!(log.unsure("a").exit_fails(Failure(mark)).map_err(|error| format!("mapped {error}")) => {
        Err::<(), _>("body")
    });
    assert_eq!(body, Ok(Err("body")));
    let lost = losses().of(mark);
    assert_eq!((lost.len(), lost[0].error.clone()), (1, format!("\"mapped {mark}\"")));
}

#[tokio::test]
async fn a_panic_of_the_function_is_one_of_what_it_maps_for() {
    fn panics(_error: &'static str) -> String {
        panic_any("map")
    }

    async fn caught(block: impl Future) -> Option<&'static str> {
        let caught = std::panic::AssertUnwindSafe(block).catch_unwind().await;
        caught.err().and_then(|payload| payload.downcast_ref().copied())
    }

    let trace = Trace::new();
    let traced = |name| Traced::new(name, &trace);
    let enter = async { async_with!(traced("A").enter_fails("x").map_err(panics) => {}) };
    assert_eq!(caught(enter).await, Some("map"));
    assert!(!trace.has("exit A: panicked"), "nothing was entered");
    let interrupt =
        async { async_with!(traced("B").interrupts("x").map_err(panics) => { pending::<()>().await }) };
    assert_eq!(caught(interrupt).await, Some("map"));
    assert!(trace.has("exit B: panicked"));
    let exit = async { async_with!(traced("C").exit_fails("x").map_err(panics) => {}) };
    assert_eq!(caught(exit).await, Some("map"));
    assert!(trace.has("exit C: completed"));
}

#[tokio::test]
async fn a_panic_of_the_function_in_a_detached_exit_is_reported() {
    let (trace, mark) = (Trace::new(), unique("map panics"));
    losses();
    let manager = Traced::new("A", &trace).exit_fails("x").map_err(move |_| -> String { panic_any(mark) });
    let block = async { async_with!(manager => { trace.step("body").await }) };
    cut_at(block, &trace, "body").await;
    settle().await;
    let lost = losses().of(mark);
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn managers_with_different_errors_meet_in_one_block() {
    async fn run(log: &Log) -> Result<u32, BoxError> {
        Ok(
            async_with!(log.unsure("a").err_into::<BoxError>() as a, std_manager() as b, log.sure("c") as _c => *a + *b)?,
        )
    }

    fn std_manager() -> impl AsyncContextManager<Value = u32, Error = BoxError> {
        async_with::from_fn(|| async { Ok::<_, std::io::Error>(2) }, |_value, _outcome| async {}).err_into()
    }

    assert_eq!(run(&Log::default()).await.unwrap(), 2);
}

// A manager of parts loses an error of one of them: the place is that of the block.
#[tokio::test]
async fn what_a_part_of_a_locally_mapped_manager_loses_is_reported_at_a_place_of_the_user() {
    let (trace, mark) = (Trace::new(), unique("part"));
    losses();
    let parts = (Traced::new("A", &trace).exit_fails(mark), Traced::new("B", &trace).enter_fails("enter"));
    let block = async_with!(parts.map_err_local(|error| vec![error]) => {});
    assert_eq!(block, Err(vec!["enter"]));
    let lost = losses().of(mark);
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].file, file!(), "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Failed);
}

#[tokio::test]
async fn what_a_part_of_an_adapted_manager_loses_is_reported_at_the_adapter() {
    let (trace, mark) = (Trace::new(), unique("part"));
    losses();
    let parts = (Traced::new("A", &trace).exit_fails(mark), Traced::new("B", &trace).enter_fails("enter"));
    let line = line!() + 1;
    let adapted = parts.boxed();
    assert_eq!(async_with!(adapted => {}), Err("enter"));
    let lost = losses().of(mark);
    assert_eq!((lost[0].file, lost[0].line), (file!(), line));
}

#[tokio::test]
async fn an_error_of_an_exit_after_a_failed_body_is_lost_once() {
    let seen =
        seen(|plain| plain.boxed().map_err(|e| vec![e]), Fault::ExitFails, Way::QuestionMark, 99).await;
    assert_eq!(seen.ended, Ended::Err("body".to_owned()));
    assert_eq!(seen.lost, [Outcome::Failed]);
}
