//! The cases of CPython's decorators.

use async_with::within;

use crate::common::log::{Failure, Log};

// CPython: test_contextlib_async.AsyncContextManagerTestCase.test_recursive.
#[tokio::test]
async fn each_call_enters_a_manager_of_its_own() {
    #[within(log.sure("a").value(depth) as entered)]
    async fn recursive(log: &Log, depth: u32) -> u32 {
        assert_eq!(*entered, depth);
        if depth < 9 { Box::pin(recursive(log, depth + 1)).await + 1 } else { 1 }
    }
    let log = Log::default();
    assert_eq!(recursive(&log, 0).await, 10);
    let lines = [["enter a"; 10], ["exit a: completed"; 10]].concat();
    log.expect(&lines);
}

// CPython: test_contextlib.TestContextDecorator.test_decorator.
#[tokio::test]
async fn the_body_runs_between_enter_and_exit_each_time() {
    #[within(log.sure("a") as _)]
    async fn test(log: &Log) -> bool {
        assert!(log.has("enter a"));
        log.has("exit a: completed")
    }
    let log = Log::default();
    assert!(!test(&log).await);
    log.expect(&["enter a", "exit a: completed"]);
    assert!(!test(&log).await);
    log.expect(&["enter a", "exit a: completed"]);
}

// CPython: test_contextlib.TestContextDecorator.test_decorator_with_exception.
#[tokio::test]
async fn the_error_of_the_body_is_the_result_and_the_exit_is_told() {
    #[within(log.sure("a"))]
    async fn test(log: &Log) -> Result<(), Failure> {
        assert!(log.has("enter a"));
        Err(Failure("whee"))
    }
    let log = Log::default();
    assert_eq!(test(&log).await, Err(Failure("whee")));
    log.expect(&["enter a", "exit a: failed"]);
}

// CPython: test_contextlib.TestContextDecorator.test_decorating_method.
#[tokio::test]
async fn a_method_can_be_the_block() {
    #[derive(Default)]
    struct Test(Log, Option<(u8, u8)>);

    impl Test {
        #[within(self.0.sure("a"))]
        async fn method(&mut self, a: u8, b: u8) {
            self.1 = Some((a, b));
        }
    }
    let mut test = Test::default();
    test.method(1, 2).await;
    assert_eq!(test.1, Some((1, 2)));
    test.0.expect(&["enter a", "exit a: completed"]);
}
