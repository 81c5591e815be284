//! What the errors become.

use async_with::scoped;

use crate::common::log::{Failure, Log, Own, Recorder};

#[scoped]
async fn two(first: Recorder<Failure>, second: Recorder<&'static str>, log: &Log) -> Result<u32, Own> {
    #[enter]
    let a = first;
    let in_a_block = {
        #[enter]
        let b = second;
        log.add("in the block");
        *a + *b
    };
    log.add("after the block");
    Ok(in_a_block)
}

#[tokio::test]
async fn the_errors_convert_into_that_of_the_function_and_leave_it() {
    let log = Log::default();
    let (a, b) = (|| log.unsure("a").value(1), || log.manager::<&str>("b").value(2));
    assert_eq!(two(a(), b(), &log).await, Ok(3));
    log.expect(&[
        "enter a",
        "enter b",
        "in the block",
        "exit b: completed",
        "after the block",
        "exit a: completed",
    ]);
    assert_eq!(two(a(), b().enter_fails("enter"), &log).await, Err(Own::Text("enter")));
    log.expect(&["enter a", "enter b", "exit a: failed"]);
    assert_eq!(two(a(), b().exit_fails("exit"), &log).await, Err(Own::Text("exit")));
    log.expect(&["enter a", "enter b", "in the block", "exit b: completed", "exit a: failed"]);
    assert_eq!(two(a().exit_fails(Failure("outer")), b(), &log).await, Err(Own::Failure(Failure("outer"))));
}

#[tokio::test]
async fn a_manager_that_cannot_fail_needs_no_result() {
    #[scoped]
    async fn sum(log: &Log, early: bool) -> u32 {
        #[enter]
        let a = log.sure("a").value(2);
        let more = {
            #[enter]
            let b = log.sure("b").value(3);
            if early {
                return 0;
            }
            *b
        };
        *a + more
    }
    #[scoped]
    async fn unit(log: &Log) {
        #[enter]
        let _ = log.sure("a");
        log.add("body");
    }
    let log = Log::default();
    assert_eq!(sum(&log, false).await, 5);
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
    assert_eq!(sum(&log, true).await, 0);
    log.expect(&["enter a", "enter b", "exit b: returned", "exit a: returned"]);
    unit(&log).await;
    log.expect(&["enter a", "body", "exit a: completed"]);
}

#[tokio::test]
async fn none_is_not_a_failure() {
    #[scoped]
    async fn first(log: &Log, number: Option<u8>) -> Option<u8> {
        #[enter]
        let _ = log.sure("a");
        Some(number? + 1)
    }
    let log = Log::default();
    assert_eq!(first(&log, None).await, None);
    log.expect(&["enter a", "exit a: returned"]);
    assert_eq!(first(&log, Some(1)).await, Some(2));
    log.expect(&["enter a", "exit a: completed"]);
}
