//! What a body may be, and when it is evaluated.

use std::future::ready;

use async_with::async_with;
use futures::StreamExt;

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};

#[tokio::test]
async fn may_be_any_expression() {
    let log = Log::default();
    assert_eq!(async_with!(log.sure("a").value(3) as a => *a + 1), 4);
    assert_eq!(async_with!(Plain => ready(5).await), 5);
    assert_eq!(async_with!(Plain => if log_is(&log) { 1 } else { 2 }), 1);
    assert_eq!(async_with!(Plain => match 3 { 3 => "three", _ => "other" }), "three");
    assert_eq!(async_with!(Fallible => [1, 2, 3].len()), Ok(3));
    assert_eq!(async_with!(Plain => (1, 2)), (1, 2));
    let number = loop {
        async_with!(Plain => break 6);
    };
    assert_eq!(number, 6);
    log.expect(&["enter a", "exit a: completed"]);
}

fn log_is(_log: &Log) -> bool {
    true
}

#[tokio::test]
async fn may_follow_a_comma() {
    async fn leave(log: &Log) -> Result<u32, std::num::ParseIntError> {
        let mut sum = 0;
        for text in ["1", "skip", "2", "stop", "x"] {
            async_with!(log.sure("a").value(10) as a, log.sure("b"), {
                if text == "skip" {
                    continue;
                }
                if text == "stop" {
                    break;
                }
                sum += *a + super::parse(text)?;
            });
        }
        Ok(sum)
    }

    let log = Log::default();
    assert_eq!(leave(&log).await, Ok(23));
    assert_eq!(async_with!(Plain, { 4 }), 4);
    assert_eq!(async_with!(Plain, { 5 },), 5);
}

#[tokio::test]
async fn may_be_empty() {
    async_with!(Plain => {});
    async_with!(Plain as _plain, {});
    assert_eq!(async_with!(Fallible => {}), Ok(()));
}

#[tokio::test]
async fn are_evaluated_once_in_place() {
    let mut count = 0;
    let text = String::from("kept");
    async_with!(Plain => {
        count += 1;
        assert_eq!(text, "kept");
    });
    assert_eq!((count, text.as_str()), (1, "kept"));
    let moved = async_with!(Plain => { text });
    assert_eq!(moved, "kept");
}

#[tokio::test]
async fn drop_their_locals_before_the_exit_whichever_way_they_leave() {
    async fn run(log: &Log, how: &str) -> Result<(), Failure> {
        for _ in 0..1 {
            async_with!(log.sure("a") => {
                let _outer = log.on_drop("drop outer");
                let _inner = log.on_drop("drop inner");
                match how {
                    "return" => return Ok(()),
                    "?" => Err(Failure("x"))?,
                    "break" => break,
                    "continue" => continue,
                    _ => {}
                }
            });
        }
        Ok(())
    }

    let log = Log::default();
    for (how, told) in [
        ("end", "completed"),
        ("return", "returned"),
        ("?", "failed"),
        ("break", "broke"),
        ("continue", "continued"),
    ] {
        assert_eq!(run(&log, how).await.is_err(), how == "?");
        log.expect(&["enter a", "drop inner", "drop outer", &format!("exit a: {told}")]);
    }
}

// CPython: test_with.NonLocalFlowControl.testWithYield. test262: initializer-Symbol.asyncDispose-called-at-end-of-
// asyncgeneratorbody, await-using-in-async-generator-body.
#[tokio::test]
async fn may_feed_a_stream() {
    let log = Log::default();
    let (sender, receiver) = futures::channel::mpsc::channel::<u32>(0);
    let producer = async {
        let mut sender = sender;
        async_with!(log.sure("a") => {
            for number in 1..=2 {
                if futures::SinkExt::send(&mut sender, number).await.is_err() {
                    return;
                }
                log.add(format!("sent {number}"));
            }
        });
        log.add("after");
    };
    let ((), numbers) = tokio::join!(producer, receiver.collect::<Vec<_>>());
    assert_eq!(numbers, [1, 2]);
    log.expect(&["enter a", "sent 1", "sent 2", "exit a: completed", "after"]);
}

// CPython: test_with.NonLocalFlowControl.testWithYield: each step of a stream has a block of its own.
#[tokio::test]
async fn may_be_the_steps_of_a_stream() {
    let log = Log::default();
    let stream = futures::stream::unfold(0, |number| {
        let log = log.clone();
        async move {
            async_with!(log.sure("step") => {
                if number == 2 {
                    return None;
                }
                Some((number, number + 1))
            })
        }
    });
    assert_eq!(stream.collect::<Vec<_>>().await, [0, 1]);
    log.expect(&[
        "enter step",
        "exit step: completed",
        "enter step",
        "exit step: completed",
        "enter step",
        "exit step: returned",
    ]);
}

#[tokio::test]
async fn an_expression_that_begins_like_a_statement_is_a_body() {
    let log = Log::default();
    assert_eq!(async_with!(log.sure("a") => { 1 } + { 2 }), 3);
    assert!(async_with!(log.sure("b") as b => match *b { 0 => 2, _ => 3 } == 2));
    assert_eq!(async_with!(log.sure("c") => if log.has("enter c") { 1_u8 } else { 2 } as char), '\u{1}');
    assert_eq!(async_with!(log.sure("d") => [1, 2].len()), 2);
}
