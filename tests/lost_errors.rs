//! Errors of exits that something overtakes on their way out of the block: who is told of them.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use async_with::{async_with, settle};
use futures::FutureExt;

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses};

#[tokio::test]
async fn of_a_later_item_whose_block_is_cut_in_an_earlier_items_exit() {
    let (trace, gate, losses) = (Trace::new(), Gate::new(), losses());
    let block = async {
        async_with!(
            Traced::new("A", &trace).exit_waits(&gate),
            Traced::new("B", &trace).exit_fails("overtaken by a cut") => {}
        )
    };
    cut_at(block, &trace, "exit A: failed").await;
    gate.open();
    settle().await;
    assert_eq!(losses.of("overtaken by a cut").len(), 1);
}

#[tokio::test]
async fn of_a_later_item_before_the_panic_of_an_earlier_items_exit() {
    let (trace, losses) = (Trace::new(), losses());
    let block = async {
        async_with!(
            Traced::new("A", &trace).exit_panics("overtakes an error"),
            Traced::new("B", &trace).exit_fails("overtaken by a panic") => {}
        )
    };
    assert!(std::panic::AssertUnwindSafe(block).catch_unwind().await.is_err());
    assert_eq!(losses.of("overtaken by a panic").len(), 1);
}

#[tokio::test]
async fn of_a_part_of_a_list_which_is_cut_in_an_earlier_ones_exit() {
    let (trace, gate, losses) = (Trace::new(), Gate::new(), losses());
    let parts = vec![
        Traced::new("A", &trace).exit_waits(&gate),
        Traced::new("B", &trace).exit_fails("overtaken by a cut of the list"),
    ];
    cut_at(async { async_with!(parts => {}) }, &trace, "exit A: failed").await;
    gate.open();
    settle().await;
    assert_eq!(losses.of("overtaken by a cut of the list").len(), 1);
}

#[tokio::test]
async fn of_a_part_of_a_list_before_the_panic_of_an_earlier_ones_exit() {
    let (trace, losses) = (Trace::new(), losses());
    let parts = vec![
        Traced::new("A", &trace).exit_panics("overtakes an error of the list"),
        Traced::new("B", &trace).exit_fails("overtaken by a panic of the list"),
    ];
    let block = async { async_with!(parts => {}) };
    assert!(std::panic::AssertUnwindSafe(block).catch_unwind().await.is_err());
    assert_eq!(losses.of("overtaken by a panic of the list").len(), 1);
}
