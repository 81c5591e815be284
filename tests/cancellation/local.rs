//! Blocks over local managers.

use async_with::{async_with, settle};
use futures::poll;

use crate::common::trace::{Gate, Trace, Traced, cut_at};
use crate::endless;

#[tokio::test]
async fn a_local_manager_is_abandoned_when_its_body_is_dropped() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).local() => { trace.step("body").await; }) };
    cut_at(block, &trace, "body").await;
    assert_eq!(trace.events(), ["enter A", "entered A", "body", "abandon A"], "at once, and no exit");
}

#[tokio::test]
async fn a_local_managers_exit_is_dropped_with_its_block() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).local() => {}) };
    cut_at(block, &trace, "exit A: completed").await;
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: completed", "exit A dropped"]);
}

#[tokio::test]
async fn a_local_manager_is_neither_exited_nor_abandoned_when_its_enter_is_dropped() {
    let trace = Trace::new();
    let block = async { async_with!(Traced::new("A", &trace).local() => {}) };
    cut_at(block, &trace, "enter A").await;
    assert_eq!(trace.events(), ["enter A", "enter A dropped"]);
}

#[tokio::test]
async fn a_local_manager_passes_detached_exits_on_to_the_block_around_it() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let blocks = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Traced::new("B", &trace).local() => {
                async_with!(Traced::new("C", &trace).exit_waits(&gate) => { trace.step("body").await; })
            })
        })
    };
    cut_at(blocks, &trace, "body").await;
    assert_eq!(trace.events().last().unwrap(), "abandon B");
    trace.reached("exit C: cancelled").await;
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(trace.events().last().unwrap(), "exit C: cancelled", "A waits for C");
    gate.open();
    settle().await;
    assert_eq!(trace.events()[9..], ["exited C", "exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn a_local_manager_awaits_detached_exits_inside_it_before_its_own() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let inner = endless(Traced::new("B", &trace).exit_waits(&gate), trace.clone());
    let mut block = Box::pin(async {
        async_with!(Traced::new("A", &trace).local() => { cut_at(inner, &trace, "body").await })
    });
    while !trace.has("exit B: cancelled") {
        assert!(poll!(&mut block).is_pending());
        tokio::task::yield_now().await;
    }
    assert!(poll!(&mut block).is_pending());
    gate.open();
    block.await.unwrap();
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: completed", "exited A"]);
}
