//! Loops, branches, async blocks, closures, other macros and functions around or behind them.

use async_with::{async_with, scoped, with};
use tokio::task::yield_now;

use crate::common::log::{Failure, Log};

#[tokio::test]
async fn a_turn_of_a_loop_exits_before_the_next_one() {
    #[scoped]
    async fn turns(log: &Log) -> u32 {
        let mut sum = 0;
        for number in 0_u32..10 {
            #[enter]
            let a = log.sure("a").value(number);
            match number {
                0 => continue,
                2 => break,
                _ => {}
            }
            sum += *a;
        }
        sum
    }
    let log = Log::default();
    assert_eq!(turns(&log).await, 1);
    log.expect(&["enter a", "exit a: continued", "enter a", "exit a: completed", "enter a", "exit a: broke"]);
}

#[tokio::test]
async fn jumps_go_through_any_number_of_them() {
    #[scoped]
    async fn search(log: &Log, rows: &[&[i32]]) -> Result<Option<i32>, Failure> {
        #[enter]
        let _ = log.unsure("search");
        let found = 'rows: {
            for row in rows {
                #[enter]
                let _ = log.sure("row");
                for &number in *row {
                    #[enter]
                    let n = log.unsure("number").value(1);
                    #[enter]
                    let _ = log.sure("inner");
                    if number < 0 {
                        break;
                    }
                    if number == 0 {
                        continue;
                    }
                    if number > 9 {
                        break 'rows Some(number + i32::try_from(*n).unwrap());
                    }
                    if number == 9 {
                        return Ok(Some(9));
                    }
                }
            }
            None
        };
        Ok(found)
    }
    let log = Log::default();
    assert_eq!(search(&log, &[&[0, -1, 9], &[10]]).await, Ok(Some(11)));
    let turn = |how: &str| {
        [
            "enter number".into(),
            "enter inner".into(),
            format!("exit inner: {how}"),
            format!("exit number: {how}"),
        ]
    };
    let text = |text: &str| vec![text.to_owned()];
    let lines = [
        text("enter search"),
        text("enter row"),
        turn("continued").to_vec(),
        turn("broke").to_vec(),
        text("exit row: completed"),
        text("enter row"),
        turn("broke").to_vec(),
        text("exit row: broke"),
        text("exit search: completed"),
    ]
    .concat();
    log.expect(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(search(&log, &[&[1]]).await, Ok(None));
    log.expect(&[
        "enter search",
        "enter row",
        "enter number",
        "enter inner",
        "exit inner: completed",
        "exit number: completed",
        "exit row: completed",
        "exit search: completed",
    ]);
    assert_eq!(search(&log, &[&[9]]).await, Ok(Some(9)));
}

#[tokio::test]
async fn branches_and_blocks_have_their_own_rest_and_value() {
    #[scoped]
    async fn branches(log: &Log, how: Option<u32>) -> u32 {
        let first = if let Some(number) = how {
            #[enter]
            let a = log.sure("a").value(number);
            *a
        } else {
            0
        };
        let second = match how {
            Some(1) => {
                #[enter]
                let b = log.sure("b").value(10);
                *b
            }
            _ => 20,
        };
        let third = 'block: {
            #[enter]
            let c = log.sure("c").value(100);
            if second == 20 {
                break 'block 200;
            }
            *c
        };
        let last = {
            #[enter]
            let d = {
                #[enter]
                let e = log.sure("e").value(1000);
                let value = *e;
                log.sure("d").value(value)
            };
            *d
        };
        first + second + third + last
    }
    let log = Log::default();
    assert_eq!(branches(&log, Some(1)).await, 1111);
    log.expect(&[
        "enter a",
        "exit a: completed",
        "enter b",
        "exit b: completed",
        "enter c",
        "exit c: completed",
        "enter e",
        "exit e: completed",
        "enter d",
        "exit d: completed",
    ]);
    assert_eq!(branches(&log, None).await, 1220);
    log.expect(&["enter c", "exit c: broke", "enter e", "exit e: completed", "enter d", "exit d: completed"]);
}

#[tokio::test]
async fn an_async_block_and_an_async_closure_are_left_by_their_own_returns() {
    #[scoped]
    async fn in_others(log: &Log) -> Vec<Result<u32, Failure>> {
        let task = tokio::spawn({
            let log = log.clone();
            async move {
                #[enter]
                let a = log.unsure("a").value(1).enter_fails(Failure("in a task"));
                Ok::<u32, Failure>(*a)
            }
        });
        let closure = async |number: u32| {
            #[enter]
            let b = log.unsure("b").value(number);
            if number == 2 {
                return Err(Failure("two"));
            }
            Ok(*b)
        };
        vec![task.await.unwrap(), closure(1).await, closure(2).await]
    }
    let log = Log::default();
    assert_eq!(in_others(&log).await, [Err(Failure("in a task")), Ok(1), Err(Failure("two"))]);
    log.expect(&["enter a", "enter b", "exit b: completed", "enter b", "exit b: failed"]);
}

#[tokio::test]
async fn they_stand_in_other_macros_too() {
    #[scoped]
    async fn in_macros(log: &Log) -> Result<u32, Failure> {
        let mut sum = 0;
        loop {
            tokio::select! {
                biased;
                () = yield_now(), if sum == 0 => {
                    #[enter]
                    let a = log.unsure("a").value(1);
                    sum += *a;
                    continue;
                }
                else => {
                    #[enter]
                    let b = log.sure("b").value(2);
                    sum += *b;
                    break;
                }
            }
        }
        async_with!(log.unsure("c") as c => {
            #[enter]
            let d = log.sure("d").value(3);
            *c += *d;
            sum += *c;
        })?;
        let (e, ()) = tokio::join!(
            async {
                #[enter]
                let e = log.sure("e").value(4);
                *e
            },
            yield_now(),
        );
        Ok(sum + e)
    }
    let log = Log::default();
    assert_eq!(in_macros(&log).await, Ok(10));
    log.expect(&[
        "enter a",
        "exit a: continued",
        "enter b",
        "exit b: broke",
        "enter c",
        "enter d",
        "exit d: completed",
        "exit c: completed",
        "enter e",
        "exit e: completed",
    ]);
}

#[tokio::test]
async fn the_other_forms_stand_in_its_rest() {
    #[scoped]
    async fn forms(log: &Log) -> Result<u32, Failure> {
        for turn in 0.. {
            #[enter]
            let a = log.unsure("a").value(turn);
            let more = async_with!(log.sure("b").value(1) as b => {
                if *a == 0 {
                    continue;
                }
                with!(log.sure("c") => async {
                    #[enter]
                    let d = log.sure("d").value(5);
                    yield_now().await;
                    if *d == 5 {
                        return Ok(*a + *b);
                    }
                });
                7
            });
            log.add(more.to_string());
        }
        Ok(0)
    }
    let log = Log::default();
    assert_eq!(forms(&log).await, Ok(2));
    log.expect(&[
        "enter a",
        "enter b",
        "exit b: continued",
        "exit a: continued",
        "enter a",
        "enter b",
        "enter c",
        "enter d",
        "exit d: returned",
        "exit c: returned",
        "exit b: returned",
        "exit a: returned",
    ]);
}

#[tokio::test]
async fn functions_in_the_function_have_attributes_of_their_own() {
    #[scoped]
    async fn outer(log: &Log) {
        #[scoped]
        async fn inner(log: &Log) -> u32 {
            #[enter]
            let _ = log.sure("inner");
            1
        }
        #[enter]
        let _ = log.sure("outer");
        inner(log).await;
    }
    let log = Log::default();
    outer(&log).await;
    log.expect(&["enter outer", "enter inner", "exit inner: completed", "exit outer: completed"]);
}
