//! Jumps that do not leave the body.

use async_with::async_with;

use crate::common::log::Log;

use crate::common::Plain;

#[tokio::test]
async fn jumps_of_each_kind_of_loop_in_the_body_stay_inside() {
    let log = Log::default();
    for turn in 0..2 {
        async_with!(log.sure("a") => {
            let mut number = 0;
            while number < 9 {
                number += 1;
                if number == 1 {
                    continue;
                }
                break;
            }
            for other in 0..9 {
                if other == 0 {
                    continue;
                }
                number += 10;
                break;
            }
            loop {
                number += 100;
                if number < 200 {
                    continue;
                }
                break;
            }
            log.add(format!("turn {turn}: {number}"));
        });
    }
    log.expect(&[
        "enter a",
        "turn 0: 212",
        "exit a: completed",
        "enter a",
        "turn 1: 212",
        "exit a: completed",
    ]);
}

#[tokio::test]
async fn jumps_of_the_bodys_own_loops_stay_inside() {
    let log = Log::default();
    let sum: i32 = async_with!(log.sure("a") => {
        let mut sum = 0;
        'own: for x in 0..4 {
            let mut y = 0;
            while y < 4 {
                y += 1;
                match (x, y) {
                    (_, 2) => continue,
                    (1, _) => continue 'own,
                    (3, _) => break 'own,
                    (_, 4) => break,
                    _ => {}
                }
                sum += y;
            }
        }
        let block = 'block: {
            if sum > 100 {
                break 'block 1000;
            }
            loop {
                break 10;
            }
        };
        sum + block
    });
    assert_eq!(sum, 18);
    log.expect(&["enter a", "exit a: completed"]);
}

#[tokio::test]
async fn jumps_in_closures_async_blocks_and_items_of_the_body_stay_there() {
    fn count(x: u32) -> u32 {
        x
    }
    let mut turns = 0;
    for turn in 0..2 {
        turns += 1;
        let value = async_with!(Plain => {
            let closure = |limit: u32| {
                for x in 0.. {
                    if x == limit {
                        return x;
                    }
                    if x > limit {
                        break;
                    }
                }
                99
            };
            let future = async {
                loop {
                    break closure(3);
                }
            };
            fn item(limit: u32) -> u32 {
                let mut x = 0;
                loop {
                    x += 1;
                    if x == limit {
                        break x;
                    }
                }
            }
            if turn == 5 {
                break;
            }
            future.await + item(4) + count(1)
        });
        assert_eq!(value, 8);
    }
    assert_eq!(turns, 2);
}
