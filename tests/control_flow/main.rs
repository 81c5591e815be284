//! `return`, `?`, `break` and `continue` in a body mean what they mean in a plain block.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::never_loop, reason = "loops that are left in their first turn are what is tested")]

mod bodies;
#[path = "../common/mod.rs"]
mod common;
mod inside;
mod loops;
mod returns;
mod select;

use async_with::async_with;

use crate::common::log::Log;

fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

// Jumps in the managers of a block.

async fn jumps_in_a_later_head(log: &Log) -> u32 {
    let mut entered = 0;
    for candidate in [None, Some("b"), None] {
        async_with!(
            log.sure("a"),
            match candidate {
                Some(name) => log.sure(name),
                None => continue,
            } as _b => {
                entered += 1;
            }
        );
    }
    entered
}

#[tokio::test]
async fn a_later_manager_may_jump_after_the_earlier_ones_were_entered() {
    let log = Log::default();
    assert_eq!(jumps_in_a_later_head(&log).await, 1);
    log.expect(&[
        "enter a",
        "exit a: continued",
        "enter a",
        "enter b",
        "exit b: completed",
        "exit a: completed",
        "enter a",
        "exit a: continued",
    ]);
}
