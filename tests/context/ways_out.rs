//! Every way out, with every fault.

use std::convert::Infallible;
use std::panic::panic_any;
use std::sync::{Arc, Mutex};

use async_with::{AsyncContextManagerExt, Body, Done, Outcome, async_with, context};

use crate::common::log::{Failure, Log};
use crate::common::trace::{Trace, losses};
use crate::common::ways::{Ended, FAULTS, WAYS, Way, drive, leave, same, seen, unique};
use crate::{as_one_function, caught};

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
