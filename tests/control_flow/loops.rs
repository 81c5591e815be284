//! `break` and `continue`.

use async_with::async_with;

use crate::common::log::Log;

use crate::common::{Fallible, Plain};

// CPython: test_with.NonLocalFlowControl.testWithBreak.
#[tokio::test]
async fn break_leaves_the_loop_after_the_exit() {
    let mut counter = 0;
    loop {
        counter += 1;
        async_with!(Plain => {
            counter += 10;
            break;
        });
        counter += 100;
    }
    assert_eq!(counter, 11);
}

// CPython: test_with.NonLocalFlowControl.testWithContinue.
#[tokio::test]
async fn continue_goes_on_with_the_loop_after_the_exit() {
    let mut counter = 0;
    loop {
        counter += 1;
        if counter > 2 {
            break;
        }
        async_with!(Plain => {
            counter += 10;
            if counter == 11 {
                continue;
            }
        });
        counter += 100;
    }
    assert_eq!(counter, 12);
}

#[tokio::test]
async fn break_carries_a_value() {
    let number = loop {
        async_with!(Plain => { break 5_u64 });
    };
    assert_eq!(number, 5);
    let object: Box<dyn std::fmt::Debug> = loop {
        async_with!(Plain => { break Box::new("x") });
    };
    assert_eq!(format!("{object:?}"), "\"x\"");
    let labelled = 'found: {
        for x in [1, 2, 3] {
            async_with!(Plain => {
                if x == 2 {
                    break 'found Some(x);
                }
            });
        }
        None
    };
    assert_eq!(labelled, Some(2));
}

#[tokio::test]
async fn the_value_of_a_break_may_need_the_value_of_the_manager() {
    let log = Log::default();
    let number = loop {
        async_with!(log.sure("a").value(4) as a => {
            *a += 1;
            break *a;
        });
    };
    assert_eq!(number, 5);
    log.expect(&["enter a", "exit a: broke"]);
}

#[tokio::test]
async fn labels_choose_among_the_loops_around() {
    let log = Log::default();
    'outer: for x in 0..3 {
        'inner: for y in 0..3 {
            async_with!(log.sure("a") => {
                match (x, y) {
                    (0, 1) => continue 'outer,
                    (1, 0) => continue 'inner,
                    (1, 1) => break 'inner,
                    (2, 1) => break 'outer,
                    _ => log.add(format!("{x} {y}")),
                }
            });
        }
        log.add(format!("end {x}"));
    }
    log.expect(&[
        "enter a",
        "0 0",
        "exit a: completed",
        "enter a",
        "exit a: continued",
        "enter a",
        "exit a: continued",
        "enter a",
        "exit a: broke",
        "end 1",
        "enter a",
        "2 0",
        "exit a: completed",
        "enter a",
        "exit a: broke",
    ]);
}

#[tokio::test]
async fn break_leaves_a_labelled_block() {
    let log = Log::default();
    'block: {
        async_with!(log.sure("a") => {
            if !log_is_empty(&log) {
                break 'block;
            }
        });
        log.add("after");
    }
    log.expect(&["enter a", "exit a: broke"]);
}

fn log_is_empty(_log: &Log) -> bool {
    false
}

// test262: await-using labelled break over two blocks (JS-6).
#[tokio::test]
async fn a_jump_crosses_nested_blocks_and_several_items() {
    let log = Log::default();
    let found = 'search: loop {
        async_with!(log.sure("a") => {
            async_with!(log.sure("b"), log.sure("c") => {
                async_with!(log.sure("d") => { break 'search 7 });
                log.add("not here");
            });
            log.add("nor here");
        });
    };
    assert_eq!(found, 7);
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "enter d",
        "exit d: broke",
        "exit c: broke",
        "exit b: broke",
        "exit a: broke",
    ]);
}

#[tokio::test]
async fn nested_blocks_can_leave_to_different_loops() {
    let log = Log::default();
    'outer: for turn in 0..3 {
        async_with!(log.sure("a") => {
            loop {
                async_with!(log.sure("b") => {
                    match turn {
                        0 => break,
                        1 => continue 'outer,
                        _ => break 'outer,
                    }
                });
            }
            log.add("after the inner loop");
        });
    }
    log.expect(&[
        "enter a",
        "enter b",
        "exit b: broke",
        "after the inner loop",
        "exit a: completed",
        "enter a",
        "enter b",
        "exit b: continued",
        "exit a: continued",
        "enter a",
        "enter b",
        "exit b: broke",
        "exit a: broke",
    ]);
}

#[tokio::test]
async fn a_fallible_block_in_a_loop_can_jump_and_report() {
    async fn first_even(numbers: &[u32]) -> Result<Option<u32>, &'static str> {
        let mut found = None;
        for &number in numbers {
            async_with!(Fallible => {
                if number % 2 == 1 {
                    continue;
                }
                found = Some(number);
                break;
            })?;
        }
        Ok(found)
    }

    assert_eq!(first_even(&[1, 3, 4, 5]).await, Ok(Some(4)));
    assert_eq!(first_even(&[1, 3]).await, Ok(None));
}

#[tokio::test]
async fn a_jump_in_the_head_of_a_nested_block_leaves_the_outer_one() {
    let log = Log::default();
    for turn in 0..3 {
        async_with!(log.sure("a") => {
            async_with!(if turn == 1 { break } else { log.sure("b") } => {});
        });
    }
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed", "enter a", "exit a: broke"]);
}

#[tokio::test]
async fn a_jump_that_is_configured_out_is_not_made() {
    let mut counter = 0;
    for _ in 0..2 {
        async_with!(Plain => {
            #[cfg(any())]
            break;
            #[cfg(any())]
            async_with!(Plain => { break });
            counter += 1;
            #[cfg(all())]
            continue;
            #[cfg(not(all()))]
            {
                counter += 100;
            }
        });
        counter += 10;
    }
    assert_eq!(counter, 2);
}

#[tokio::test]
async fn a_while_condition_may_be_a_block() {
    let mut turns = 0;
    while async_with!(Plain => { turns < 3 }) {
        turns += 1;
    }
    assert_eq!(turns, 3);
}

#[tokio::test]
async fn the_conditions_of_a_body_may_jump() {
    let mut seen = Vec::new();
    for input in [Some(1), None, Some(2), Some(3)] {
        async_with!(Plain => {
            let Some(number) = input else { continue };
            let doubled = if number == 3 { break } else { number * 2 };
            seen.push(doubled);
        });
    }
    assert_eq!(seen, [2, 4]);
}

#[tokio::test]
async fn the_values_of_several_breaks_become_what_is_expected_of_them() {
    let log = Log::default();
    for (first, expected) in [(true, "1"), (false, "\"a\"")] {
        let value: Box<dyn std::fmt::Debug> = loop {
            async_with!(log.sure("a") => {
                if first {
                    break Box::new(1);
                }
                break Box::new("a");
            });
        };
        assert_eq!(format!("{value:?}"), expected);
    }
}
