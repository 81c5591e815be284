//! The future of the run: dropped, delayed, sent to another task.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::task::Poll;

use async_with::{Done, Outcome, async_with, context};
use futures::poll;
use tokio::sync::oneshot;

use crate::common::log::{Failure, Log};
use crate::common::trace::yield_once;

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
