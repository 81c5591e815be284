//! Managers made of functions and values: `from_fn`, `ready`, `defer`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, panic_any};
use std::task::Poll;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, Outcome, async_with, defer, from_fn, ready, settle,
};
use futures::{FutureExt, StreamExt};

use crate::common::log::{Failure, Log};
use crate::common::trace::{Trace, Traced, cut_at, losses, poll_once, yield_once};
use crate::common::ways::{Ended, WAYS, Way, drive, leave, same, seen, unique};

async fn panic_of<T>(block: impl Future<Output = T>) -> Option<&'static str> {
    let caught = AssertUnwindSafe(block).catch_unwind().await;
    caught.err().and_then(|payload| payload.downcast_ref().copied())
}

mod from_fn_ {
    use super::{
        AsyncContextManager, Ended, Failure, Infallible, Log, Outcome, StreamExt, Traced, WAYS, Way,
        async_with, from_fn, panic_any, panic_of, pending, poll_once, seen, settle, yield_once,
    };
    use crate::common::ways::FAULTS;
    use std::sync::Arc;

    /// A [`Traced`] as two functions, which cannot interrupt.
    fn as_functions(manager: Traced) -> impl AsyncContextManager<Value = Arc<Traced>, Error = &'static str> {
        let manager = Arc::new(manager);
        from_fn(
            move || async move {
                manager.run_enter().await?;
                Ok(manager)
            },
            |manager: Arc<Traced>, outcome| async move { manager.run_exit(outcome).await },
        )
    }

    // On every way out, with every fault, dropped at every poll.
    #[tokio::test]
    async fn two_functions_go_as_the_manager_written_out() {
        for way in WAYS.into_iter().filter(|way| *way != Way::Interrupt) {
            for fault in FAULTS {
                for polls in 0.. {
                    let expected = seen(|plain| plain, fault, way, polls).await;
                    let got = seen(as_functions, fault, way, polls).await;
                    assert_eq!(got, expected, "{way:?}, {fault:?}, dropped after {polls} polls");
                    if expected.ended != Ended::Not {
                        break;
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn the_exit_gets_the_value_as_the_body_left_it() {
        let log = Log::default();
        let exit_log = log.clone();
        let manager = from_fn(
            || async { Ok::<_, Infallible>(vec![1]) },
            move |value: Vec<i32>, outcome| async move { exit_log.add(format!("{value:?} {outcome}")) },
        );
        async_with!(manager as value => value.push(2));
        log.expect(&["[1, 2] completed"]);
    }

    #[tokio::test]
    async fn an_exit_may_fail_or_not_be_able_to() {
        let enter = || async { Ok::<_, Failure>(1) };
        let unit = from_fn(enter, |_, _| async {});
        assert_eq!(async_with!(unit as value => *value), Ok(1));
        let fails = from_fn(enter, |_, _| async { Err(Failure("exit")) });
        assert_eq!(async_with!(fails as value => *value), Err(Failure("exit")));
        let succeeds = from_fn(enter, |_, _| async { Ok(()) });
        assert_eq!(async_with!(succeeds as value => *value), Ok(1));
        let at_once = from_fn(|| std::future::ready(Ok::<_, Failure>(1)), |_, _| std::future::ready(()));
        assert_eq!(async_with!(at_once as value => *value), Ok(1));
    }

    // Panics of the functions themselves, and not of their futures.
    #[tokio::test]
    async fn a_panic_before_the_future_is_one_of_enter_or_exit() {
        let log = Log::default();
        let enter = from_fn(
            || -> std::future::Ready<Result<(), Failure>> { panic_any("enter") },
            |(), _outcome| std::future::ready(()),
        );
        assert_eq!(panic_of(async { async_with!(enter => {}) }).await, Some("enter"));
        let exit = || {
            from_fn(
                || async { Ok::<_, Failure>(()) },
                |(), _outcome| -> std::future::Ready<()> { panic_any("exit") },
            )
        };
        let outer = async {
            async_with!(log.unsure("outer") => {
                async_with!(exit() => {}).ok();
            })
        };
        assert_eq!(panic_of(outer).await, Some("exit"));
        log.expect(&["enter outer", "exit outer: panicked"]);
        let both = async { async_with!(exit() => { panic_any("body") }) };
        assert_eq!(panic_of(both).await, Some("body"));
    }

    #[tokio::test]
    async fn a_manager_that_is_cut_in_enter_drops_what_both_functions_captured() {
        let log = Log::default();
        let (of_enter, of_exit) = (log.on_drop("enter dropped"), log.on_drop("exit dropped"));
        let manager = from_fn(
            move || async move {
                let _captured = of_enter;
                pending::<Result<(), Infallible>>().await
            },
            move |(), _outcome| async move { drop(of_exit) },
        );
        let mut block = Box::pin(async { async_with!(manager => {}) });
        assert!(poll_once(block.as_mut()).is_pending());
        drop(block);
        settle().await;
        log.expect(&["enter dropped", "exit dropped"]);
    }

    // CPython: test_contextlib.TestContextDecorator: each use is a fresh manager.
    #[tokio::test]
    async fn clones_are_entered_each_by_themselves() {
        let log = Log::default();
        let (enter, exit) = (log.clone(), log.clone());
        let manager = from_fn(
            move || async move {
                enter.add("enter");
                Ok::<_, Infallible>(())
            },
            move |(), outcome| async move { exit.add(format!("exit: {outcome}")) },
        );
        for _ in 0..2 {
            async_with!(manager.clone() => {
                async_with!(manager.clone() => {});
            });
        }
        log.expect(&["enter", "enter", "exit: completed", "exit: completed"].repeat(2));
    }

    // CPython: AclosingTestCase.test_aclosing, test_aclosing_error, test_aclosing_bpo41229: a stream that is left half-way is
    // closed, and the guard inside it runs.
    #[tokio::test]
    async fn a_stream_that_is_left_half_way_is_closed() {
        async fn first(log: Log, fail: bool) -> Result<u32, Failure> {
            let guard = log.on_drop("guard of the stream");
            let stream = futures::stream::unfold((0, guard), |(number, guard)| async move {
                yield_once().await;
                Some((number, (number + 1, guard)))
            });
            let closing = from_fn(
                || async { Ok::<_, Infallible>(Box::pin(stream)) },
                move |stream, outcome| async move {
                    drop(stream);
                    log.add(format!("closed: {outcome}"));
                },
            );
            async_with!(closing as stream => {
                while let Some(number) = stream.next().await {
                    if number == 3 {
                        return if fail { Err(Failure("body")) } else { Ok(number) };
                    }
                }
            });
            Err(Failure("the stream ended"))
        }

        let log = Log::default();
        assert_eq!(first(log.clone(), false).await, Ok(3));
        log.expect(&["guard of the stream", "closed: returned"]);
        assert_eq!(first(log.clone(), true).await, Err(Failure("body")));
        log.expect(&["guard of the stream", "closed: failed"]);
    }

    // test262: Symbol.asyncDispose-method-called-with-correct-this.
    #[tokio::test]
    async fn several_of_one_kind_get_each_their_own_value() {
        let log = Log::default();
        let manager = |number: u32| {
            let log = log.clone();
            from_fn(
                move || async move { Ok::<_, Infallible>(number) },
                move |value, _: Outcome| async move { log.add(format!("{number}: {value}")) },
            )
        };
        async_with!(manager(1) as one, manager(2) as two => {
            std::mem::swap(one, two);
        });
        log.expect(&["2: 1", "1: 2"]);
    }
}

mod ready_ {
    use super::{AsyncContextManagerExt, Log, Poll, async_with, poll_once, ready, settle, yield_once};

    // CPython: test_contextlib_async.TestAsyncNullcontext.test_async_nullcontext.
    #[tokio::test]
    async fn the_value_is_lent_and_dropped_at_the_end() {
        let log = Log::default();
        async_with!(ready((1, log.on_drop("value dropped"))) as (number, _) => {
            *number += 1;
            log.add(format!("body {number}"));
        });
        log.expect(&["body 2", "value dropped"]);
    }

    #[tokio::test]
    async fn it_adds_no_poll_and_no_error() {
        let mut block = Box::pin(async { async_with!(ready(20) as a, ready(1) as b => *a + *b) });
        assert_eq!(poll_once(block.as_mut()), Poll::Ready(21));
    }

    #[tokio::test]
    async fn cut_its_value_is_dropped_once() {
        let log = Log::default();
        for adapted in [false, true] {
            let value = ready(log.on_drop("value dropped"));
            let mut block = Box::pin(async {
                if adapted {
                    async_with!(value.boxed() => yield_once().await);
                } else {
                    async_with!(value => yield_once().await);
                }
            });
            assert!(poll_once(block.as_mut()).is_pending());
            drop(block);
            settle().await;
            log.expect(&["value dropped"]);
        }
    }

    #[tokio::test]
    async fn clones_lend_each_their_own_value() {
        let manager = ready(vec![1]);
        async_with!(manager.clone() as value => value.push(2));
        assert_eq!(async_with!(manager as value => value.len()), 1);
    }

    #[tokio::test]
    async fn a_value_that_is_an_err_is_no_failure_of_the_manager() {
        let block = async_with!(ready(Err::<(), _>("value")) as value => value.is_err());
        assert!(block);
    }
}

mod defer_ {
    use super::{
        Ended, Failure, Log, Outcome, Trace, Traced, WAYS, Way, async_with, cut_at, defer, drive, leave,
        losses, panic_any, panic_of, same, settle, unique, yield_once,
    };

    #[tokio::test]
    async fn the_function_is_told_how_the_body_ended_on_every_way_out() {
        for way in WAYS.into_iter().filter(|way| *way != Way::Interrupt) {
            let (trace, exit) = (Trace::new(), Trace::new());
            let told = exit.clone();
            let manager = defer(move |outcome| async move {
                yield_once().await;
                told.log(outcome.to_string());
            });
            let ended = drive(leave(manager, way, &trace), 9);
            assert_ne!(ended, Ended::Not);
            assert_eq!(exit.events(), [way.outcome().to_string()]);
        }
    }

    #[tokio::test]
    async fn a_function_that_cannot_fail_makes_the_block_infallible() {
        let log = Log::default();
        let inside = log.clone();
        let value: u8 = async_with!(defer(|_| async move { inside.add("deferred") }) => 5);
        assert_eq!(value, 5);
        log.expect(&["deferred"]);
    }

    #[tokio::test]
    async fn its_error_is_the_value_of_the_block() {
        let fails = || defer(|_| async { Err::<(), _>(Failure("deferred")) });
        assert_eq!(async_with!(fails() => 5), Err(Failure("deferred")));
        let succeeds = defer(|_| async { Ok::<_, Failure>(()) });
        assert_eq!(async_with!(succeeds => 5), Ok(5));
    }

    #[tokio::test]
    async fn cut_it_runs_detached_and_its_error_is_reported() {
        losses();
        for panics in [false, true] {
            let (trace, mark) = (Trace::new(), unique("deferred"));
            let manager = defer(move |outcome| async move {
                assert_eq!(outcome, Outcome::Cancelled);
                yield_once().await;
                if panics { panic_any(mark) } else { Err::<(), _>(mark) }
            });
            cut_at(async { async_with!(manager => { trace.step("body").await }) }, &trace, "body").await;
            assert!(losses().of(mark).is_empty(), "not before it has run");
            settle().await;
            assert_eq!(losses().of(mark).len(), 1);
        }
    }

    // Never polled, it is not called: as with any manager, nothing was entered.
    #[tokio::test]
    async fn of_a_block_that_is_never_polled_it_is_not_called() {
        let log = Log::default();
        let inside = log.clone();
        drop(async { async_with!(defer(|_| async move { inside.add("deferred") }) => {}) });
        settle().await;
        log.expect(&[]);
    }

    #[tokio::test]
    async fn several_run_last_in_first_out_also_after_a_panic() {
        let log = Log::default();
        let deferred = |name: &'static str, panics: bool| {
            let log = log.clone();
            defer(move |outcome| async move {
                log.add(format!("{name}: {outcome}"));
                if panics {
                    panic_any(name);
                }
            })
        };
        let block =
            async { async_with!(deferred("a", true), deferred("b", false), deferred("c", true) => {}) };
        assert_eq!(panic_of(block).await, Some("c"), "the first panic wins");
        log.expect(&["c: completed", "b: panicked", "a: panicked"]);
    }

    // With a deferred function around it, a manager goes as it does by itself.
    #[tokio::test]
    async fn around_another_manager_it_changes_nothing() {
        same(
            |plain| plain,
            |plain: Traced| (plain, defer(|_| async { Ok::<_, &'static str>(()) })),
            |_| false,
        )
        .await;
    }

    #[tokio::test]
    async fn with_an_infallible_one_first_the_block_has_the_error_of_the_other() {
        async fn run() -> Result<(), Failure> {
            let never = defer(|_| async {});
            async_with!(never, defer(|_| async { Err::<(), _>(Failure("second")) }) => {})
        }

        assert_eq!(run().await, Err(Failure("second")));
    }
}
