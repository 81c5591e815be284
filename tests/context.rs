//! Managers written as one function.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "an adapter that is passed as a function has its place in the library"
)]

mod common;

use std::convert::Infallible;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, Body, Done, Outcome, async_with, context, ready, settle,
};
use futures::{FutureExt, poll};
use tokio::sync::oneshot;

use crate::common::log::{Failure, Log};
use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};
use crate::common::ways::{Ended, FAULTS, WAYS, Way, drive, leave, same, seen, unique};

/// A [`Traced`] as one function.
fn as_one_function(manager: Traced) -> impl AsyncContextManager<Value = (), Error = &'static str> {
    context(|body: Body<()>| async move {
        manager.run_enter().await?;
        let ((), done) = body.run(()).await;
        manager.run_exit(done.outcome()).await?;
        Ok(done)
    })
}

async fn caught<T>(block: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(block).catch_unwind().await.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        text.or_else(|| payload.downcast_ref::<String>().cloned()).expect("a panic with a message")
    })
}

// On every way out, with every fault, dropped at every poll: it goes as the manager written out.
#[tokio::test]
async fn a_function_goes_as_the_manager_written_out() {
    // A function cannot interrupt its body.
    for way in WAYS.into_iter().filter(|way| *way != Way::Interrupt) {
        for fault in FAULTS {
            for polls in 0.. {
                let expected = seen(|plain| plain, fault, way, polls).await;
                let got = seen(as_one_function, fault, way, polls).await;
                assert_eq!(got, expected, "{way:?}, {fault:?}, dropped after {polls} polls");
                if expected.ended != Ended::Not {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn adapted_it_goes_as_the_manager_adapted() {
    same(
        |plain| plain.finish_enter(),
        |plain| as_one_function(plain).boxed().finish_enter(),
        |seen| {
            seen.ended == Ended::Err("interrupt".to_owned())
                || seen.events.iter().any(|event| event.contains("interrupted"))
        },
    )
    .await;
}

// CPython: test_contextlib_async.AsyncContextManagerTestCase.test_contextmanager_plain.
#[tokio::test]
async fn value_and_outcome_reach_the_end() {
    let log = Log::default();
    let inside = log.clone();
    let manager = context(move |body| async move {
        inside.add("1");
        let (value, done) = body.run(42).await;
        inside.add(format!("{value}, {}", done.outcome()));
        Ok::<_, Infallible>(done)
    });
    async_with!(manager as value => {
        assert_eq!(*value, 42);
        *value = 999;
    });
    log.expect(&["1", "999, completed"]);
}

// CPython: test_contextmanager_finally: the end runs when the body fails, and sees how it ended.
#[tokio::test]
async fn the_end_is_told_how_the_body_ended() {
    for way in WAYS.into_iter().filter(|way| *way != Way::Interrupt) {
        let (trace, told) = (Trace::new(), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&told);
        let manager = context(|body| async move {
            let (value, done) = body.run("value").await;
            seen.lock().unwrap().push((value, done.outcome()));
            Ok::<_, Infallible>(done)
        });
        drive(leave(manager, way, &trace), 9);
        assert_eq!(*told.lock().unwrap(), [("value", way.outcome())]);
    }
}

// CPython: test_contextmanager_no_reraise: not to fail at the end does not undo the failure of the body.
#[tokio::test]
async fn a_function_that_succeeds_after_a_failed_body_does_not_swallow_the_failure() {
    async fn run() -> Result<(), Failure> {
        let manager = context(|body| async move {
            let ((), done) = body.run(()).await;
            Ok::<_, Infallible>(done)
        });
        async_with!(manager => { Err(Failure("body"))? })
    }

    assert_eq!(run().await, Err(Failure("body")));
}

// CPython: test_contextmanager_wrap_runtimeerror: here the body's own failure leaves, and the other one is reported.
#[tokio::test]
async fn an_error_after_a_failed_body_is_reported() {
    async fn run(mark: &'static str) -> Result<(), Failure> {
        let manager = context(move |body| async move {
            let ((), done) = body.run(()).await;
            if done.outcome() == Outcome::Failed { Err(Failure(mark)) } else { Ok(done) }
        });
        async_with!(manager => { Err(Failure("body"))? })?;
        Ok(())
    }

    losses();
    let mark = unique("wrapped");
    assert_eq!(run(mark).await, Err(Failure("body")));
    let lost = losses().of(mark);
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0].outcome, Outcome::Failed);
}

#[tokio::test]
async fn an_error_before_or_after_the_body_is_the_value_of_the_block() {
    let log = Log::default();
    let before = context(|body: Body<()>| async move {
        drop(body);
        Err::<Done, _>(Failure("before"))
    });
    assert_eq!(async_with!(before => log.add("body")), Err(Failure("before")));
    log.expect(&[]);
    let after = context(|body| async move {
        let ((), _done) = body.run(()).await;
        Err::<Done, _>(Failure("after"))
    });
    assert_eq!(async_with!(after => log.add("body")), Err(Failure("after")));
    log.expect(&["body"]);
}

#[tokio::test]
async fn a_panic_before_or_after_the_body_leaves_and_that_of_the_body_wins() {
    let log = Log::default();
    let before = context(|body: Body<()>| async move {
        let (value, done) = if body_is_there(&body) { panic_any("before") } else { body.run(()).await };
        let () = value;
        Ok::<_, Infallible>(done)
    });
    assert_eq!(caught(async { async_with!(before => log.add("body")) }).await, Err("before".to_owned()));
    log.expect(&[]);
    let after = || {
        context(|body| async move {
            let ((), done) = body.run(()).await;
            if done.outcome() == Outcome::Cancelled { Ok::<_, Infallible>(done) } else { panic_any("after") }
        })
    };
    assert_eq!(caught(async { async_with!(after() => log.add("body")) }).await, Err("after".to_owned()));
    log.expect(&["body"]);
    let both = caught(async { async_with!(after() => { panic_any("body") }) }).await;
    assert_eq!(both, Err::<(), _>("body".to_owned()));
}

fn body_is_there(_: &Body<()>) -> bool {
    true
}

#[tokio::test]
async fn a_panic_when_the_function_is_called_is_one_of_enter() {
    let manager =
        context(|_body: Body<()>| -> futures::future::Ready<Result<Done, Infallible>> { panic_any("call") });
    assert_eq!(caught(async { async_with!(manager => {}) }).await, Err("call".to_owned()));
}

// Dropped.

#[tokio::test]
async fn dropped_before_the_body_the_function_is_dropped() {
    let log = Log::default();
    let inside = log.clone();
    let mut block = Box::pin(async {
        let manager = context(move |body| async move {
            let _guard = inside.on_drop("function dropped");
            pending::<()>().await;
            let ((), done) = body.run(()).await;
            Ok::<_, Infallible>(done)
        });
        async_with!(manager => {});
    });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    log.expect(&["function dropped"]);
}

#[tokio::test]
async fn dropped_in_the_body_the_rest_of_the_function_runs_detached() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = as_one_function(Traced::new("A", &trace).exit_waits(&gate));
    cut_at(async { async_with!(manager => { trace.step("body").await }) }, &trace, "body").await;
    let mut settled = pin!(settle());
    assert!(poll!(&mut settled).is_pending());
    gate.open();
    settled.await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn dropped_in_its_end_the_function_goes_on() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = as_one_function(Traced::new("A", &trace).exit_waits(&gate));
    cut_at(async { async_with!(manager => {}) }, &trace, "exit A: completed").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: completed", "exited A"]);
}

#[tokio::test]
async fn what_the_end_fails_with_when_detached_is_reported() {
    losses();
    for panics in [false, true] {
        let (trace, mark) = (Trace::new(), unique("detached"));
        let traced = Traced::new("A", &trace);
        let traced = if panics { traced.exit_panics(mark) } else { traced.exit_fails(mark) };
        let block = async { async_with!(as_one_function(traced) => { trace.step("body").await }) };
        cut_at(block, &trace, "body").await;
        settle().await;
        let lost = losses().of(mark);
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].outcome, Outcome::Cancelled);
        assert!(lost[0].manager.contains("ContextFn"), "{lost:?}");
    }
}

// Blocks in the function, and in the body.

#[tokio::test]
async fn blocks_in_the_function_are_around_the_body() {
    for cut in [false, true] {
        let trace = Trace::new();
        let (a, b) = (Traced::new("A", &trace), Traced::new("B", &trace));
        let manager = context(|body| async move {
            async_with!(a, b => {
                let ((), done) = body.run(()).await;
                Ok::<_, &'static str>(done)
            })?
        });
        let block = async {
            async_with!(Traced::new("O", &trace) => {
                async_with!(manager, Traced::new("C", &trace) => { trace.step("body").await })
            })
        };
        let told = if cut {
            cut_at(block, &trace, "body").await;
            "cancelled"
        } else {
            assert_eq!(block.await, Ok(Ok(())));
            "completed"
        };
        settle().await;
        let exits: Vec<_> = trace.events().split_off(9);
        // The function's own blocks end as the function goes: it was not dropped.
        assert_eq!(exits[..2], [format!("exit C: {told}"), "exited C".to_owned()]);
        assert_eq!(exits[2..6], ["exit B: completed", "exited B", "exit A: completed", "exited A"]);
        assert_eq!(exits[6..], [format!("exit O: {told}"), "exited O".to_owned()]);
    }
}

#[tokio::test]
async fn blocks_of_a_function_that_is_dropped_in_enter_are_cut() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let (a, b) = (Traced::new("A", &trace), Traced::new("B", &trace).enter_waits(&gate));
    let manager = context(|body| async move {
        async_with!(a, b => {
            let ((), done) = body.run(()).await;
            Ok::<_, &'static str>(done)
        })?
    });
    let block = async { async_with!(Traced::new("O", &trace) => { async_with!(manager => {}) }) };
    cut_at(block, &trace, "enter B").await;
    settle().await;
    assert_eq!(
        trace.events()[4..],
        ["enter B", "enter B dropped", "exit A: cancelled", "exited A", "exit O: cancelled", "exited O"]
    );
}

// CPython: test_recursive.
#[tokio::test]
async fn a_function_may_use_itself() {
    fn deep(log: Log, depth: u32) -> async_with::BoxContextManager<u32, Infallible> {
        if depth == 0 {
            return ready(0).boxed();
        }
        context(move |body| async move {
            async_with!(deep(log.clone(), depth - 1) as below => {
                let (value, done) = body.run(*below + 1).await;
                log.add(format!("{value} {}", done.outcome()));
                Ok(done)
            })
        })
        .boxed()
    }

    let log = Log::default();
    assert_eq!(async_with!(deep(log.clone(), 3) as depth => *depth), 3);
    log.expect(&["3 completed", "2 completed", "1 completed"]);
}

// The future of the run.

#[tokio::test]
async fn a_function_that_drops_the_run_before_the_body_begins_can_only_fail() {
    let log = Log::default();
    let inside = log.clone();
    let manager = context(move |body| async move {
        let value = inside.on_drop("value dropped");
        tokio::select! {
            biased;
            (_value, done) = body.run(value) => Ok(done),
            () = std::future::ready(()) => Err(Failure("gave up")),
        }
    });
    assert_eq!(async_with!(manager => log.add("body")), Err(Failure("gave up")));
    log.expect(&["value dropped"]);
}

#[tokio::test]
async fn a_function_that_drops_the_run_lets_the_body_go_on() {
    let log = Log::default();
    let inside = log.clone();
    let manager = context(move |body| async move {
        let value = inside.on_drop("value dropped");
        tokio::select! {
            biased;
            // It is polled first, and so lends the value.
            (_value, done) = body.run(value) => { drop(done); }
            () = yield_once() => { inside.add("dropped the run"); }
        }
        pending_once_more(&inside).await;
        Err::<Done, _>(Failure("gave up"))
    });
    let block = async_with!(manager => {
        yield_once().await;
        log.add("body");
    });
    assert_eq!(block, Err(Failure("gave up")));
    assert!(log.has("body"));
    assert!(log.has("value dropped"), "it does not leak");
}

async fn pending_once_more(log: &Log) {
    yield_once().await;
    log.add("on it goes");
}

#[tokio::test]
async fn a_function_that_drops_the_run_and_waits_lets_the_body_begin() {
    let log = Log::default();
    let inside = log.clone();
    let manager = context(move |body| async move {
        let value = inside.on_drop("value dropped");
        {
            let mut run = pin!(body.run(value));
            assert!(poll!(&mut run).is_pending());
        }
        inside.add("dropped the run");
        yield_once().await;
        inside.add("end");
        Err::<Done, _>(Failure("gave up"))
    });
    let block = async_with!(manager => { log.add("body") });
    assert_eq!(block, Err(Failure("gave up")));
    log.expect(&["dropped the run", "body", "end", "value dropped"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_body_may_be_run_from_another_task() {
    for turn in 0..200 {
        let manager = context(move |body| async move {
            let (value, done) = tokio::spawn(body.run(turn)).await.unwrap();
            assert_eq!(value, turn + 1);
            assert_eq!(done.outcome(), Outcome::Completed);
            Ok::<_, Infallible>(done)
        });
        async_with!(manager as value => {
            if turn % 2 == 0 {
                tokio::task::yield_now().await;
            }
            *value += 1;
        });
    }
}

#[tokio::test]
async fn cut_in_the_body_a_run_on_another_task_ends() {
    let (ended, end) = oneshot::channel();
    let mut block = Box::pin(async {
        let manager = context(|body| async move {
            let (value, done) = tokio::spawn(body.run(5)).await.unwrap();
            ended.send((value, done.outcome())).unwrap();
            Ok::<_, Infallible>(done)
        });
        async_with!(manager as value => {
            *value += 1;
            pending::<()>().await;
        });
    });
    while !matches!(poll!(&mut block), Poll::Ready(())) {
        tokio::task::yield_now().await;
        if tokio::runtime::Handle::current().metrics().num_alive_tasks() == 1 {
            break;
        }
    }
    for _ in 0..5 {
        tokio::task::yield_now().await;
        assert!(poll!(&mut block).is_pending());
    }
    drop(block);
    assert_eq!(end.await, Ok((6, Outcome::Cancelled)));
}

// The function is gone, the task that it started is not: the value must not stay behind in it.
#[tokio::test]
async fn a_value_that_was_never_taken_is_dropped_with_the_function() {
    let log = Log::default();
    let inside = log.clone();
    let (lent, was_lent) = oneshot::channel();
    let manager = context(move |body| async move {
        let value = inside.on_drop("value dropped");
        tokio::spawn(async move {
            let mut run = pin!(body.run(value));
            assert!(poll!(&mut run).is_pending());
            lent.send(()).unwrap();
            drop(run.await);
        });
        was_lent.await.unwrap();
        Err::<Done, _>(Failure("gave up"))
    });
    assert_eq!(async_with!(manager => log.add("body")), Err(Failure("gave up")));
    log.expect(&["value dropped"]);
}

// The `Done` of another context.

/// A context that gives its `Done` away.
async fn stolen() -> Done {
    let (give, stolen) = oneshot::channel();
    let manager = context(|body| async move {
        let ((), done) = body.run(()).await;
        give.send(done).unwrap();
        Err::<Done, _>(Failure("stolen"))
    });
    assert_eq!(async_with!(manager => {}), Err(Failure("stolen")));
    stolen.await.unwrap()
}

const OF_ANOTHER: &str =
    "the function of a `context` returned the `Done` of another one, without having run its body";

#[tokio::test]
async fn the_done_of_another_context_in_place_of_running_the_body_panics() {
    let log = Log::default();
    let done = stolen().await;
    let manager = context(|body: Body<()>| async move {
        let _body = body;
        Ok::<_, Failure>(done)
    });
    let block = caught(async { async_with!(manager => log.add("body")) }).await;
    assert_eq!(block, Err(OF_ANOTHER.to_owned()));
    log.expect(&[]);
}

#[tokio::test]
async fn the_done_of_another_context_after_the_body_panics() {
    let log = Log::default();
    let other = stolen().await;
    let manager = context(|body| async move {
        let ((), done) = body.run(()).await;
        drop(done);
        Ok::<_, Failure>(other)
    });
    let block = caught(async { async_with!(manager => log.add("body")) }).await;
    assert_eq!(block, Err(OF_ANOTHER.to_owned()));
    log.expect(&["body"]);
}

#[tokio::test]
async fn the_done_of_a_context_around_panics() {
    let outer = context(|body| async move {
        let ((), done) = body.run(()).await;
        let (other, inner) = (
            done,
            context(|body: Body<()>| async move {
                let ((), done) = body.run(()).await;
                Ok::<_, Failure>(done)
            }),
        );
        async_with!(inner => {})?;
        Ok::<_, Failure>(other)
    });
    assert_eq!(async_with!(outer => 1), Ok(1), "its own one is fine, whatever came between");
    let done = stolen().await;
    assert_eq!(done.outcome(), Outcome::Completed);
    assert!(format!("{done:?}").contains("Completed"));
}

// CPython: test_keywords: names of the user do not clash with those inside.
#[tokio::test]
async fn any_names_may_be_used() {
    #[expect(clippy::used_underscore_binding, reason = "names are what is tested")]
    fn named(
        function: u32,
        exchange: u32,
        _state: u32,
    ) -> impl AsyncContextManager<Value = u32, Error = Infallible> {
        context(move |done| async move {
            let (body, value) = done.run(function + exchange + _state).await;
            assert_eq!(body, 6);
            Ok(value)
        })
    }

    assert_eq!(async_with!(named(1, 2, 3) as context => *context), 6);
}

#[test]
fn it_needs_no_runtime() {
    let log = Log::default();
    let inside = log.clone();
    futures::executor::block_on(async {
        let manager = context(|body| async move {
            yield_once().await;
            let (value, done) = body.run(1).await;
            yield_once().await;
            inside.add(format!("{value} {}", done.outcome()));
            Ok::<_, Infallible>(done)
        });
        async_with!(manager as value => *value += 1);
    });
    log.expect(&["2 completed"]);
}

#[test]
fn its_parts_have_a_debug_form() {
    let manager = context(|body: Body<u8>| async move {
        assert_eq!(format!("{body:?}"), "Body { .. }");
        let (_, done) = body.run(1).await;
        Ok::<_, Infallible>(done)
    });
    assert_eq!(format!("{manager:?}"), "ContextFn { .. }");
    futures::executor::block_on(async { async_with!(manager => {}) });
}

// The value may be `Send` and not `Sync`, and a block over it is still `Send`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_over_it_can_be_spawned() {
    let task = tokio::spawn(async {
        let manager = context(|body| async move {
            tokio::task::yield_now().await;
            let (value, done) = body.run(std::cell::Cell::new(1)).await;
            assert_eq!(value.get(), 2);
            Ok::<_, Failure>(done)
        });
        async_with!(manager as value => {
            tokio::task::yield_now().await;
            value.set(value.get() + 1);
        })
    });
    assert_eq!(task.await.unwrap(), Ok(()));
}

// What the function captured, and what it lent, is dropped once, in order.
#[test]
fn nothing_leaks_and_nothing_is_dropped_twice() {
    for polls in 0..6 {
        let log = Log::default();
        let (captured, value) = (log.on_drop("captured dropped"), log.clone());
        let mut block = Box::pin(async {
            let manager = context(|body| async move {
                let _captured = captured;
                yield_once().await;
                let (value, done) = body.run(value.on_drop("value dropped")).await;
                yield_once().await;
                drop(value);
                Ok::<_, Infallible>(done)
            });
            async_with!(manager => { yield_once().await });
        });
        let caught =
            catch_unwind(AssertUnwindSafe(|| (0..polls).any(|_| poll_once(block.as_mut()).is_ready())));
        assert!(caught.is_ok());
        drop(block);
        futures::executor::block_on(settle());
        match polls {
            0 | 1 => log.expect(&["captured dropped"]),
            _ => log.expect(&["value dropped", "captured dropped"]),
        }
    }
}
