//! What the errors become.

use async_with::{AsyncContextManagerExt, within};

use crate::common::log::{Failure, Log, Own, Recorder};

#[tokio::test]
async fn the_error_of_each_item_converts_into_that_of_the_function() {
    #[within(first, second, third)]
    async fn three(
        first: Recorder<Failure>,
        second: Recorder<&'static str>,
        third: Recorder<Own>,
    ) -> Result<(), Own> {
        Ok(())
    }
    let log = Log::default();
    let (a, b, c) = (|| log.unsure("a"), || log.manager::<&str>("b"), || log.manager("c"));
    let failed = three(a().enter_fails(Failure("enter")), b(), c()).await;
    assert_eq!(failed, Err(Own::Failure(Failure("enter"))));
    assert_eq!(three(a(), b().enter_fails("enter"), c()).await, Err(Own::Text("enter")));
    assert_eq!(three(a(), b(), c().enter_fails(Own::Number(3))).await, Err(Own::Number(3)));
    assert_eq!(three(a(), b().exit_fails("exit"), c()).await, Err(Own::Text("exit")));
    assert_eq!(three(a(), b(), c()).await, Ok(()));
}

#[tokio::test]
async fn an_error_that_does_not_convert_by_itself_is_converted_by_the_manager() {
    #[within(manager.map_err(|failure| failure.0.len()) as a)]
    async fn mapped(manager: Recorder<Failure>) -> Result<u32, usize> {
        Ok(*a)
    }
    let log = Log::default();
    assert_eq!(mapped(log.unsure("a").enter_fails(Failure("four"))).await, Err(4));
    assert_eq!(mapped(log.unsure("a").value(7)).await, Ok(7));
}

#[tokio::test]
async fn a_manager_that_cannot_fail_needs_no_result() {
    #[within(log.sure("a").value(2) as a, log.sure("b").value(3) as b)]
    async fn product(log: &Log, early: bool) -> u32 {
        if early {
            return 0;
        }
        log.add("body");
        *a * *b
    }
    #[within(log.sure("a"))]
    async fn unit(log: &Log) {
        log.add("body");
    }
    let log = Log::default();
    assert_eq!(product(&log, false).await, 6);
    log.expect(&["enter a", "enter b", "body", "exit b: completed", "exit a: completed"]);
    assert_eq!(product(&log, true).await, 0);
    log.expect(&["enter a", "enter b", "exit b: returned", "exit a: returned"]);
    unit(&log).await;
    log.expect(&["enter a", "body", "exit a: completed"]);
}

#[tokio::test]
async fn none_is_not_a_failure() {
    #[within(log.sure("a"))]
    async fn first(log: &Log, number: Option<u8>) -> Option<u8> {
        let _ = log;
        Some(number? + 1)
    }
    let log = Log::default();
    assert_eq!(first(&log, None).await, None);
    log.expect(&["enter a", "exit a: returned"]);
    assert_eq!(first(&log, Some(1)).await, Some(2));
    log.expect(&["enter a", "exit a: completed"]);
}
