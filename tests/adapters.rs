//! Managers made of other managers: what does not change, and what does.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "an adapter that is passed as a function has its place in the library"
)]

mod common;

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, BoxContextManager, ContextManagerExt,
    LocalAsyncContextManager, LocalAsyncContextManagerExt, ObserveError, Outcome, Suppress, async_with,
    ready, settle,
};
use futures::FutureExt;

use crate::common::log::{Failure, Log, Recorder, Suppressor};
use crate::common::trace::{Trace, Traced, cut_at, losses, poll_once};
use crate::common::ways::{Fault, Seen, same, seen, unique};

type BoxError = Box<dyn Error + Send + Sync>;

fn nothing_differs(_: &Seen) -> bool {
    false
}

/// Blocks over an adapter go as those over what it adapts: on every way out, with every fault, dropped at every poll.
mod transparent {
    use super::{
        AsyncContextManagerExt, BoxError, Duration, LocalAsyncContextManagerExt, Seen, Traced,
        nothing_differs, same,
    };

    #[tokio::test]
    async fn map_err() {
        same(|plain| plain, |plain| plain.map_err(|error| format!("mapped {error}")), nothing_differs).await;
    }

    #[tokio::test]
    async fn err_into() {
        same(|plain| plain, |plain| plain.err_into::<BoxError>(), nothing_differs).await;
    }

    #[tokio::test]
    async fn map_err_local_over_a_manager_with_the_guarantee() {
        same(|plain| plain, |plain| plain.map_err_local(|error| vec![error]), nothing_differs).await;
    }

    #[tokio::test]
    async fn err_into_local_over_a_local_manager() {
        let adapted = |plain: Traced| plain.local().err_into_local::<Box<dyn std::error::Error>>();
        same(Traced::local, adapted, nothing_differs).await;
    }

    #[tokio::test]
    async fn map_err_local_twice_over_a_local_manager() {
        let adapted = |plain: Traced| {
            plain.local().map_err_local(|error| vec![error]).map_err_local(|error| vec![error])
        };
        same(Traced::local, adapted, nothing_differs).await;
    }

    #[tokio::test]
    async fn exit_timeout_of_an_exit_in_time() {
        same(|plain| plain, |plain| plain.exit_timeout(Duration::from_secs(9)), nothing_differs).await;
        same(|plain| plain, |plain| plain.exit_timeout(Duration::MAX), nothing_differs).await;
    }

    #[tokio::test]
    async fn boxed() {
        same(|plain| plain, |plain| plain.boxed(), nothing_differs).await;
        same(|plain| plain, |plain| plain.boxed().boxed(), nothing_differs).await;
    }

    #[cfg(feature = "tracing")]
    #[tokio::test]
    async fn traced() {
        same(|plain| plain, |plain| AsyncContextManagerExt::traced(plain, "A"), nothing_differs).await;
    }

    fn cut_in_enter(seen: &Seen) -> bool {
        seen.events.iter().any(|event| event == "enter A dropped")
    }

    #[tokio::test]
    async fn finish_enter_except_when_it_is_cut_in_enter() {
        same(|plain| plain, |plain| plain.finish_enter(), cut_in_enter).await;
        same(|plain| plain, |plain| plain.finish_enter().finish_enter(), cut_in_enter).await;
    }

    #[tokio::test]
    async fn all_of_them_in_any_order() {
        let limit = Duration::from_secs(9);
        same(
            |plain| plain,
            |plain| plain.boxed().finish_enter().exit_timeout(limit).map_err(|error| vec![error]).boxed(),
            cut_in_enter,
        )
        .await;
        same(
            |plain| plain,
            |plain| {
                plain
                    .exit_timeout(limit)
                    .map_err_local(|error| vec![error])
                    .map_err_local(|error| vec![error])
            },
            nothing_differs,
        )
        .await;
        same(
            |plain| plain.finish_enter(),
            |plain| plain.err_into::<String>().boxed().exit_timeout(limit).finish_enter().boxed(),
            |_| false,
        )
        .await;
    }

    #[tokio::test]
    async fn finish_enter_inside_is_that_outside() {
        same(
            |plain| plain.finish_enter(),
            |plain| plain.finish_enter().map_err_local(|error| vec![error]),
            nothing_differs,
        )
        .await;
        same(
            |plain| plain.finish_enter(),
            |plain| plain.finish_enter().boxed().err_into::<BoxError>(),
            nothing_differs,
        )
        .await;
    }
}

mod errors {
    use super::{
        Arc, AsyncContextManager, AsyncContextManagerExt, AtomicUsize, BoxError, Failure, Fault, FutureExt,
        LocalAsyncContextManagerExt, Log, Ordering, Outcome, Trace, Traced, async_with, losses, panic_any,
        pending, seen, settle, unique,
    };
    use crate::common::ways::{Ended, Way};

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
        let manager =
            Traced::new("A", &trace).exit_fails("x").map_err(move |_| -> String { panic_any(mark) });
        let block = async { async_with!(manager => { trace.step("body").await }) };
        super::cut_at(block, &trace, "body").await;
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
            async_with::from_fn(|| async { Ok::<_, std::io::Error>(2) }, |_value, _outcome| async {})
                .err_into()
        }

        assert_eq!(run(&Log::default()).await.unwrap(), 2);
    }

    // A manager of parts loses an error of one of them: the place is that of the block.
    #[tokio::test]
    async fn what_a_part_of_a_locally_mapped_manager_loses_is_reported_at_a_place_of_the_user() {
        let (trace, mark) = (Trace::new(), unique("part"));
        losses();
        let parts =
            (Traced::new("A", &trace).exit_fails(mark), Traced::new("B", &trace).enter_fails("enter"));
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
        let parts =
            (Traced::new("A", &trace).exit_fails(mark), Traced::new("B", &trace).enter_fails("enter"));
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
}

mod boxed {
    use super::{
        AsyncContextManager, AsyncContextManagerExt, BoxContextManager, ContextManagerExt, Infallible, Log,
        Outcome, Trace, Traced, async_with, pending, ready,
    };
    use async_with::from_fn;

    #[tokio::test]
    async fn one_of_different_managers_is_chosen() {
        let log = Log::default();
        for which in 0..3 {
            let chosen: BoxContextManager<u32, Infallible> = match which {
                0 => ready(7).boxed(),
                1 => AsyncContextManagerExt::boxed(log.sure("a").value(8)),
                _ => from_fn(|| async { Ok(9) }, |_, _| async {}).boxed(),
            };
            assert_eq!(async_with!(chosen as number => *number), 7 + which);
        }
        log.expect(&["enter a", "exit a: completed"]);
    }

    #[tokio::test]
    async fn different_managers_make_one_list() {
        let log = Log::default();
        let all: Vec<BoxContextManager<u32, Infallible>> = vec![
            AsyncContextManagerExt::boxed(log.sure("a").value(1).waits(1)),
            ContextManagerExt::into_async(log.sure("b").value(2)).boxed(),
            ready(3).boxed(),
        ];
        assert_eq!(async_with!(all as values => values.iter().sum::<u32>()), 6);
        log.expect(&[
            "enter a",
            "a waited 1",
            "enter b",
            "exit b: completed",
            "exit a: completed",
            "a waited 1",
        ]);
    }

    #[tokio::test]
    async fn a_manager_in_two_boxes_still_interrupts_its_body() {
        let trace = Trace::new();
        let boxed = Traced::new("A", &trace).interrupts("stop").boxed().boxed();
        let block = async_with!(boxed => { pending::<()>().await });
        assert_eq!(block, Err("stop"));
        assert_eq!(trace.events(), ["enter A", "entered A", "exit A: interrupted", "exited A"]);
    }

    #[tokio::test]
    async fn a_function_may_box_what_it_makes_of_itself() {
        fn deep(depth: u32) -> BoxContextManager<u32, Infallible> {
            if depth == 0 {
                return ready(0).boxed();
            }
            async_with::context(move |body| async move {
                async_with!(deep(depth - 1) as below => {
                    let (_, done) = body.run(*below + 1).await;
                    Ok(done)
                })
            })
            .boxed()
        }

        assert_eq!(async_with!(deep(50) as depth => *depth), 50);
    }

    struct Quiet;

    impl AsyncContextManager for Quiet {
        type Value = ();
        type Error = Infallible;

        async fn enter(&mut self) -> Result<(), Infallible> {
            Ok(())
        }

        async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
            Ok(())
        }
    }

    #[test]
    fn it_has_a_debug_form_whatever_is_inside() {
        assert_eq!(format!("{:?}", Quiet.boxed()), "BoxContextManager { .. }");
    }
}

mod opt_in_traits {
    use super::{
        AsyncContextManager, AsyncContextManagerExt, Duration, Error, Failure, Infallible,
        LocalAsyncContextManager, LocalAsyncContextManagerExt, Log, ObserveError, Outcome, Suppress,
        Suppressor, Trace, Traced, async_with, pending,
    };
    use std::marker::PhantomData;
    use std::rc::Rc;

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
}

/// Blocks over adapters can be spawned.
mod send {
    use super::{
        AsyncContextManager, AsyncContextManagerExt, BoxError, ContextManagerExt, Duration, Failure,
        LocalAsyncContextManagerExt, Log, Recorder, async_with,
    };

    fn is_send<F: Send + 'static>(future: F) -> F {
        future
    }

    fn described(manager: Recorder<Failure>) -> impl AsyncContextManager<Value = u32, Error = BoxError> {
        manager.finish_enter().err_into()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_their_parts_can() {
        let log = Log::default();
        let task = tokio::spawn(is_send(async move {
            let a = AsyncContextManagerExt::boxed(log.unsure("a")).finish_enter();
            let b = log.unsure("b").waits(1).exit_timeout(Duration::from_secs(60)).map_err(|_| Failure("b"));
            let c = log.unsure("c").map_err_local(|error| error);
            let d = ContextManagerExt::into_async(log.sure("d"));
            #[cfg(feature = "tracing")]
            let a = a.traced("a");
            let block = async_with!(a as a, b as b, c as c, d as d => {
                tokio::task::yield_now().await;
                *a + *b + *c + *d
            });
            let described = async_with!(described(log.unsure("e")) as value => *value);
            (block, described.unwrap())
        }));
        assert_eq!(task.await.unwrap(), (Ok(0), 0));
    }
}

// A manager that can be cloned stays one in an adapter: each clone is entered by itself.
// CPython: test_contextlib.TestContextDecorator.test_contextmanager_as_decorator (a fresh manager at each use).
#[tokio::test]
async fn clones_of_an_adapter_are_entered_each_by_itself() {
    #[derive(Clone)]
    struct Count(Arc<AtomicUsize>);

    impl AsyncContextManager for Count {
        type Value = usize;
        type Error = Infallible;

        async fn enter(&mut self) -> Result<usize, Infallible> {
            Ok(self.0.fetch_add(1, Ordering::Relaxed))
        }

        async fn exit(self, _value: usize, _outcome: Outcome) -> Result<(), Infallible> {
            Ok(())
        }
    }

    let adapted = Count(Arc::default()).finish_enter().map_err(|never| -> Failure { match never {} });
    for expected in 0..3 {
        let block = async_with!(adapted.clone() as number => *number);
        assert_eq!(block, Ok(expected));
    }
}

// An enter that is cut must not leave the manager half-way in its adapter: it is dropped.
#[tokio::test]
async fn a_manager_that_is_cut_in_enter_is_dropped_in_its_adapters() {
    struct Slow {
        _dropped: crate::common::log::OnDrop,
    }

    impl AsyncContextManager for Slow {
        type Value = ();
        type Error = Infallible;

        async fn enter(&mut self) -> Result<(), Infallible> {
            pending().await
        }

        async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
            Ok(())
        }
    }

    fn cut(manager: impl AsyncContextManager) {
        let mut block = Box::pin(async { async_with!(manager => {}) });
        assert!(poll_once(block.as_mut()).is_pending());
    }

    let log = Log::default();
    let slow = || Slow { _dropped: log.on_drop("dropped") };
    cut(slow().boxed().boxed());
    log.expect(&["dropped"]);
    cut(slow().map_err(|never| -> Failure { match never {} }));
    log.expect(&["dropped"]);
    cut(slow().exit_timeout(Duration::ZERO));
    log.expect(&["dropped"]);
}

#[tokio::test]
async fn recorders_through_adapters_keep_their_value() {
    let log = Log::default();
    let block = async_with!(log.unsure("a").value(4).finish_enter().boxed().exit_timeout(Duration::MAX) as value => {
        *value += 1;
        *value
    });
    assert_eq!(block.unwrap(), 5);
    log.expect(&["enter a", "exit a: completed"]);
}

// CPython: test_contextlib.NullcontextTestCase, TestAsyncNullcontext.test_async_nullcontext.
#[tokio::test]
async fn a_manager_of_nothing_can_be_adapted_too() {
    assert_eq!(async_with!(ready("value").finish_enter().boxed() as value => *value), "value");
}
