//! The order of exits, and where a block ends.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::LazyLock;

use async_with::{async_with, with, within};
use futures::StreamExt;

use super::{generator, sync};
use crate::common::log::{Failure, Log, Recorder};
use crate::common::trace::{Gate, poll_once};

/// 1. multiple-resources-disposed-in-reverse-order.
#[tokio::test]
async fn heads_of_several_in_one_scope_exit_in_reverse() {
    let log = Log::default();
    async_with!(log.sure("1"), sync(log.sure("2")) => {
        async_with!(log.sure("3") => { log.add("body") });
    });
    log.expect(&[
        "enter 1",
        "enter 2",
        "enter 3",
        "body",
        "exit 3: completed",
        "exit 2: completed",
        "exit 1: completed",
    ]);
}

/// 2. puts-initializer-on-top-of-disposableresourcestack-multiple-bindings.
#[tokio::test]
async fn two_in_one_head_exit_in_reverse() {
    let log = Log::default();
    async_with!(log.sure("1"), sync(log.sure("2")) => {});
    log.expect(&["enter 1", "enter 2", "exit 2: completed", "exit 1: completed"]);
}

/// 3. puts-initializer-on-top-of-disposableresourcestack-subsequent-usings.
#[tokio::test]
async fn two_nested_heads_exit_in_reverse() {
    let log = Log::default();
    async_with!(log.sure("1") => {
        async_with!(sync(log.sure("2")) => {});
    });
    log.expect(&["enter 1", "enter 2", "exit 2: completed", "exit 1: completed"]);
}

/// 4. initializer-Symbol.asyncDispose-called-at-end-of-block.
#[tokio::test]
async fn at_the_end_of_a_block_and_not_before() {
    let log = Log::default();
    async_with!(log.sure("a").waits(1) => { log.add("in the block") });
    log.add("after it");
    log.expect(&["enter a", "a waited 1", "in the block", "exit a: completed", "a waited 1", "after it"]);
}

/// 5. initializer-Symbol.asyncDispose-called-at-end-of-asyncfunctionbody.
#[tokio::test]
async fn at_the_end_of_a_function_also_when_it_suspends() {
    #[within(log.sure("a"))]
    async fn function(log: &Log, gate: &Gate) {
        gate.passed().await;
    }

    let (log, gate) = (Log::default(), Gate::new());
    let mut running = pin!(function(&log, &gate));
    log.expect(&[]);
    assert!(poll_once(running.as_mut()).is_pending());
    log.expect(&["enter a"]);
    gate.open();
    running.await;
    log.expect(&["exit a: completed"]);
}

/// 6. initializer-Symbol.asyncDispose-called-at-end-of-asyncgeneratorbody.
#[tokio::test]
async fn at_the_end_of_a_stream() {
    let (log, gate) = (Log::default(), Gate::new());
    let mut stream = pin!(generator(async |items| {
        async_with!(log.sure("a") => {
            items.give(1).await;
            gate.passed().await;
        });
    }));
    log.expect(&[]);
    assert_eq!(stream.next().await, Some(1));
    log.expect(&["enter a"]);
    let mut next = stream.next();
    assert!(poll_once(pin!(&mut next)).is_pending());
    log.expect(&[]);
    gate.open();
    assert_eq!(next.await, None);
    log.expect(&["exit a: completed"]);
}

/// 7. initializer-Symbol.asyncDispose-called-at-end-of-forstatement.
#[tokio::test]
async fn a_manager_in_front_of_a_loop_lives_for_all_turns() {
    let log = Log::default();
    async_with!(log.sure("a") => {
        for turn in 0..2 {
            log.add(format!("turn {turn}"));
        }
    });
    log.expect(&["enter a", "turn 0", "turn 1", "exit a: completed"]);
}

/// 8. initializer-Symbol.asyncDispose-called-at-end-of-each-iteration-of-forofstatement.
#[tokio::test]
async fn a_manager_of_each_turn_exits_with_it() {
    let log = Log::default();
    for manager in [log.sure("a"), log.sure("b")] {
        async_with!(manager => { log.add("turn") });
    }
    log.expect(&["enter a", "turn", "exit a: completed", "enter b", "turn", "exit b: completed"]);
}

/// 9. initializer-Symbol.dispose-called-at-end-of-block, -asyncfunctionbody, -asyncgeneratorbody, -forstatement,
/// -each-iteration-of-forofstatement.
#[tokio::test]
async fn a_synchronous_closer_runs_at_the_same_places() {
    #[within(sync(log.sure("function")))]
    async fn function(log: &Log) {
        log.add("body");
    }

    let log = Log::default();
    async_with!(sync(log.sure("block")) => { log.add("body") });
    log.expect(&["enter block", "body", "exit block: completed"]);
    function(&log).await;
    log.expect(&["enter function", "body", "exit function: completed"]);
    let mut stream = pin!(generator(async |items| {
        async_with!(sync(log.sure("stream")) => { items.give(1).await });
    }));
    assert_eq!(stream.next().await, Some(1));
    log.expect(&["enter stream"]);
    assert_eq!(stream.next().await, None);
    log.expect(&["exit stream: completed"]);
    async_with!(sync(log.sure("around")) => {
        for manager in [log.sure("a"), log.sure("b")] {
            async_with!(sync(manager) => {});
        }
    });
    log.expect(&[
        "enter around",
        "enter a",
        "exit a: completed",
        "enter b",
        "exit b: completed",
        "exit around: completed",
    ]);
}

/// An expression that fails before there is a manager.
fn no_manager() -> Result<Recorder<Infallible>, Failure> {
    Err(Failure("no manager"))
}

/// 10. initializer-Symbol.asyncDispose-called-if-subsequent-initializer-throws.
#[tokio::test]
async fn a_later_expression_that_fails_exits_the_earlier_manager() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(log.sure("a"), no_manager()? => { log.add("body") });
        log.add("after");
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("no manager")));
    log.expect(&["enter a", "exit a: failed"]);
}

/// 11. initializer-Symbol.dispose-called-if-subsequent-initializer-throws.
#[tokio::test]
async fn a_later_expression_that_fails_exits_the_earlier_synchronous_manager() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(sync(log.sure("a")), no_manager()? => { log.add("body") });
        log.add("after");
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("no manager")));
    log.expect(&["enter a", "exit a: failed"]);
}

/// 12. initializer-Symbol.asyncDispose-called-if-subsequent-initializer-throws-in-forstatement-head and its twin of
/// Symbol.dispose.
#[tokio::test]
async fn an_expression_that_fails_in_a_loop_ends_the_loop_after_the_exit() {
    async fn run(log: &Log) -> Result<(), Failure> {
        for _ in 0..2 {
            async_with!(log.sure("a"), sync(log.sure("b")), no_manager()? => { log.add("body") });
        }
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("no manager")));
    log.expect(&["enter a", "enter b", "exit b: failed", "exit a: failed"]);
}

/// 13. staging/await-using-in-block.
#[tokio::test]
async fn a_block_in_an_async_block() {
    let log = Log::default();
    async {
        async_with!(log.sure("a") => { log.add("body") });
    }
    .await;
    log.expect(&["enter a", "body", "exit a: completed"]);
}

/// 14. staging/await-using-in-async-function-call-with-await.
#[tokio::test]
async fn the_caller_goes_on_after_all_exits() {
    #[within(log.sure("a").waits(1), log.sure("b"))]
    async fn function(log: &Log) {}

    let log = Log::default();
    function(&log).await;
    log.add("caller");
    log.expect(&[
        "enter a",
        "a waited 1",
        "enter b",
        "exit b: completed",
        "exit a: completed",
        "a waited 1",
        "caller",
    ]);
}

/// 15. staging/await-using-in-for-statement.
#[tokio::test]
async fn each_turn_of_a_counting_loop_exits_its_own() {
    let log = Log::default();
    let mut turn = 0;
    while turn < 3 {
        let name = ["0", "1", "2"][turn];
        async_with!(log.sure(name) => { turn += 1 });
    }
    log.add("after");
    log.expect(&[
        "enter 0",
        "exit 0: completed",
        "enter 1",
        "exit 1: completed",
        "enter 2",
        "exit 2: completed",
        "after",
    ]);
}

/// 16. staging/await-using-in-for-of-statement.
#[tokio::test]
async fn each_turn_over_values_exits_its_own() {
    let log = Log::default();
    for name in ["0", "1"] {
        async_with!(log.sure(name) => {});
    }
    log.add("2");
    log.expect(&["enter 0", "exit 0: completed", "enter 1", "exit 1: completed", "2"]);
}

/// 17. staging/await-using-in-async-generator-body.
#[tokio::test]
async fn a_stream_exits_when_it_is_asked_for_what_it_has_not() {
    let log = Log::default();
    let mut stream = pin!(generator(async |items| {
        async_with!(log.sure("a").value(1) as value => { items.give(*value).await });
    }));
    assert_eq!(stream.next().await, Some(1));
    log.expect(&["enter a"]);
    assert_eq!(stream.next().await, None);
    log.add("caller");
    log.expect(&["exit a: completed", "caller"]);
}

/// 18. staging/mixed-call-dispose-methods.
#[tokio::test]
async fn a_synchronous_block_in_an_asynchronous_one() {
    let log = Log::default();
    async_with!(log.sure("42") => {
        with!(log.sure("43") => { log.add("44") });
    });
    log.expect(&["enter 42", "enter 43", "44", "exit 43: completed", "exit 42: completed"]);
}

/// 19. staging/call-dispose-methods.
#[test]
fn synchronous_blocks_in_all_kinds_of_places() {
    struct Type(Log);

    impl Type {
        fn new(log: &Log) -> Self {
            with!(log.sure("constructor") => { Self(log.clone()) })
        }

        fn method(&self) {
            with!(self.0.sure("method") => {});
        }
    }

    static STATIC: LazyLock<Log> = LazyLock::new(|| {
        let log = Log::default();
        with!(log.sure("static") => { log.clone() })
    });

    let log = Log::default();
    {
        with!(log.sure("block") => {});
    }
    for name in ["turn 0", "turn 1"] {
        with!(log.sure(name) => {});
    }
    let closure = || with!(log.sure("closure") => { 1 });
    assert_eq!(closure(), 1);
    let mut iterator = ["item"].iter().map(|name| with!(log.sure(name) => { 2 }));
    assert_eq!(iterator.next(), Some(2));
    Type::new(&log).method();
    let expected = ["block", "turn 0", "turn 1", "closure", "item", "constructor", "method"]
        .map(|name| [format!("enter {name}"), format!("exit {name}: completed")])
        .concat();
    log.expect(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    STATIC.expect(&["enter static", "exit static: completed"]);
}
