//! Observing, suppressing and interrupting, through adapters.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, LocalAsyncContextManager, LocalAsyncContextManagerExt,
    ObserveError, Outcome, Suppress, async_with,
};

use crate::common::log::{Failure, Log, Suppressor};
use crate::common::trace::{Trace, Traced};

/// Observes, suppresses what it is told to, and can fail.
struct Watch(Log, bool);

impl AsyncContextManager for Watch {
    type Value = u32;
    type Error = Failure;

    async fn enter(&mut self) -> Result<u32, Failure> {
        Ok(0)
    }

    async fn exit(self, value: u32, outcome: Outcome) -> Result<(), Failure> {
        self.0.add(format!("exit {value}: {outcome}"));
        Ok(())
    }
}

impl ObserveError for Watch {
    fn observe(&mut self, value: &mut u32, error: &(dyn Error + 'static)) {
        *value += 1;
        self.0.add(format!("observe: {error}"));
    }
}

impl Suppress for Watch {
    fn suppress(&mut self, value: &mut u32, outcome: Outcome) -> bool {
        *value += 1;
        self.0.add(format!("ask: {outcome}"));
        self.1
    }
}

/// A failing body over what an adapter makes of a [`Watch`].
macro_rules! seen_through {
    ($($name:ident: $adapt:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            async fn run(log: &Log, swallow: bool) -> Result<&'static str, Failure> {
                fn adapt<M>(watch: Watch, adapt: impl FnOnce(Watch) -> M) -> M {
                    adapt(watch)
                }
                let block: Result<Option<()>, _> =
                    async_with!(adapt(Watch(log.clone(), swallow), $adapt) => { Err(Failure("body"))? });
                assert_eq!(block.unwrap(), None);
                Ok("went on")
            }

            let log = Log::default();
            assert_eq!(run(&log, true).await, Ok("went on"));
            log.expect(&["observe: body", "ask: failed", "exit 2: failed"]);
            assert_eq!(run(&log, false).await, Err(Failure("body")));
            log.expect(&["observe: body", "ask: failed", "exit 2: failed"]);
        }
    )*};
}

// CPython: test_contextlib.TestSuppress.test_exact_exception, test_other_exception, through each adapter.
seen_through! {
    through_none: |watch| watch;
    through_map_err: |watch| watch.map_err(|error| vec![error]);
    through_err_into: |watch| watch.err_into::<super::BoxError>();
    through_exit_timeout: |watch| watch.exit_timeout(Duration::MAX);
    through_finish_enter: |watch| watch.finish_enter();
    through_two: |watch| watch.finish_enter().map_err(|error| vec![error]);
    through_map_err_local: |watch| watch.map_err_local(|error| vec![error]);
    through_err_into_local: |watch| watch.err_into_local::<Box<dyn Error>>();
    through_both_kinds: |watch| watch.finish_enter().map_err_local(|error| vec![error]);
    in_an_option: |watch| Some(watch.finish_enter());
}

#[cfg(feature = "tracing")]
seen_through! {
    through_traced: |watch| watch.traced("watch");
}

#[tokio::test]
async fn boxed_there_is_none() {
    async fn run(log: &Log) -> Result<(), Failure> {
        // The value of the block is no `Option`.
        let () = async_with!(Watch(log.clone(), true).boxed() => { Err(Failure("body"))? })?;
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("body")));
    log.expect(&["exit 0: failed"]);
}

// CPython: test_contextlib.TestSuppress.test_no_exception.
#[tokio::test]
async fn a_suppressor_that_is_not_asked_gives_the_value() {
    let log = Log::default();
    let block = async_with!(Suppressor(log.sure("a"), true).finish_enter() => 5);
    assert_eq!(block, Some(5));
    log.expect(&["enter a", "exit a: completed"]);
}

/// Swallows its own interrupt.
struct Patient(Traced);

impl AsyncContextManager for Patient {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        AsyncContextManager::enter(&mut self.0).await
    }

    async fn exit(self, value: (), outcome: Outcome) -> Result<(), &'static str> {
        AsyncContextManager::exit(self.0, value, outcome).await
    }

    fn interrupt(&self, value: &()) -> async_with::Interrupt<&'static str> {
        AsyncContextManager::interrupt(&self.0, value)
    }
}

impl Suppress for Patient {
    fn suppress(&mut self, _value: &mut (), outcome: Outcome) -> bool {
        outcome == Outcome::Interrupted
    }
}

#[tokio::test]
async fn an_interrupt_is_swallowed_through_adapters() {
    let trace = Trace::new();
    let manager = || Patient(Traced::new("A", &trace).interrupts("stop"));
    let block = async_with!(manager().map_err(|error| vec![error]).exit_timeout(Duration::MAX) => {
        pending::<()>().await;
    });
    assert_eq!(block, Ok(None));
    assert!(trace.has("exit A: interrupted"));
    let block = async_with!(manager().map_err_local(|error| vec![error]) => { pending::<()>().await });
    assert_eq!(block, Ok(None));
}

/// Is neither `Send` nor has a guarantee, and observes.
struct LocalWatch<'a>(&'a Log, PhantomData<Rc<()>>);

impl LocalAsyncContextManager for LocalWatch<'_> {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.add(format!("exit: {outcome}"));
        Ok(())
    }
}

impl ObserveError for LocalWatch<'_> {
    fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
        self.0.add(format!("observe: {error}"));
    }
}

#[tokio::test]
async fn a_local_observer_is_heard_through_its_adapter() {
    async fn run(log: &Log) -> Result<(), Failure> {
        let watch = LocalWatch(log, PhantomData);
        async_with!(watch.map_err_local(|never| -> Failure { match never {} }) => { Err(Failure("body"))? })
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("body")));
    log.expect(&["observe: body", "exit: failed"]);
}
