//! Jumps in the arms of `tokio::select!`.

use std::future::ready;

use async_with::async_with;

use crate::common::log::Log;

#[tokio::test]
async fn jumps_in_its_arms_leave_the_block() {
    let log = Log::default();
    let mut turn = 0;
    let value = loop {
        turn += 1;
        async_with!(log.sure("a") => {
            tokio::select! {
                biased;
                () = ready(()), if turn == 1 => { continue }
                () = ready(()), if turn == 2 => continue,
                number = ready(3), if turn == 3 => { break number; }
                else => unreachable!(),
            }
        });
    };
    assert_eq!(value, 3);
    assert_eq!(turn, 3);
    log.expect(&["enter a", "exit a: continued", "enter a", "exit a: continued", "enter a", "exit a: broke"]);
}

#[tokio::test]
async fn its_arms_may_return_and_use_the_question_mark() {
    async fn run(log: &Log, first: bool) -> Result<u8, String> {
        async_with!(log.sure("a") => {
            tokio::select! {
                biased;
                text = ready("x"), if first => { text.parse::<u8>().map_err(|error| error.to_string())?; }
                () = ready(()) => return Ok(1),
            }
        });
        Ok(2)
    }

    let log = Log::default();
    assert_eq!(run(&log, false).await, Ok(1));
    log.expect(&["enter a", "exit a: returned"]);
    assert!(run(&log, true).await.unwrap_err().contains("invalid digit"));
    log.expect(&["enter a", "exit a: failed"]);
}

#[tokio::test]
async fn a_block_in_an_arm_may_jump_further_out() {
    let log = Log::default();
    let value = 'out: loop {
        async_with!(log.sure("a") => {
            tokio::select! {
                number = ready(4) => {
                    async_with!(log.sure("b") => { break 'out number });
                }
            }
        });
    };
    assert_eq!(value, 4);
    log.expect(&["enter a", "enter b", "exit b: broke", "exit a: broke"]);
}
