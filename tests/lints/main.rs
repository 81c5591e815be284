//! Typical uses raise no warning, of rustc or clippy: these files are to compile, under `cargo clippy --tests` too.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![deny(
    unreachable_code,
    unused,
    unused_must_use,
    unused_braces,
    unused_parens,
    unused_mut,
    unused_variables
)]
#![deny(let_underscore_drop, redundant_lifetimes, single_use_lifetimes, unused_qualifications)]
#![deny(elided_lifetimes_in_paths, explicit_outlives_requirements, tail_expr_drop_order, rust_2018_idioms)]

mod attribute;
#[path = "../common/mod.rs"]
mod common;
mod rest_of_scope;

use async_with::{async_with, with};

use crate::common::log::{Failure, Log, Recorder};
use crate::common::{Fallible, Plain};

async fn guard_for_the_rest(log: &Log) {
    async_with!(log.sure("a") as _guard => {
        log.add("inside");
    });
}

async fn unused_result_is_handled(log: &Log) -> Result<(), Failure> {
    async_with!(log.unsure("a") as a => { *a += 1 })?;
    let _ = async_with!(log.unsure("b") => { log.add("b") });
    if let Err(error) = async_with!(log.unsure("c") => {}) {
        log.add(error.to_string());
    }
    async_with!(log.unsure("d") => {})
}

async fn single_expressions(log: &Log) -> u32 {
    let one = async_with!(log.sure("a") as a => { *a });
    let two = async_with!(log.sure("b") as b => *b);
    let three = async_with!(log.sure("c"), { 3 });
    let four = async_with!(log.sure("d") => {
        let x = 2;
        x * 2
    });
    one + two + three + four
}

async fn always_returns(log: &Log) -> Result<u32, Failure> {
    async_with!(log.sure("a") => {
        return Ok(1);
    })
}

async fn always_returns_through_fallible(log: &Log) -> Result<u32, Failure> {
    async_with!(log.unsure("a") as a => {
        let doubled = *a * 2;
        return Ok(doubled);
    })?
}

async fn ends_in_the_question_mark(text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    async_with!(Plain => { Ok(text.parse::<u32>()?) })
}

async fn only_question_marks(log: &Log, text: &str) -> anyhow::Result<()> {
    async_with!(log.sure("a") => {
        text.parse::<u32>()?;
        log.add(format!("{}", text.parse::<u8>()?));
        anyhow::ensure!(!text.is_empty(), "empty");
    });
    Ok(())
}

async fn several_items(log: &Log) -> Result<u32, Failure> {
    let mut other = 5;
    let sum = async_with!(
        log.sure("a") as a,
        log.unsure("b") as b,
        log.sure("c").value(*a + *b) as mut c,
        log.sure("d"),
        => {
            *c += 1;
            if *c > 100 {
                c = &mut other;
            }
            *c
        }
    )?;
    Ok(sum)
}

async fn loops(log: &Log, numbers: &[u32]) -> Option<u32> {
    for &number in numbers {
        async_with!(log.sure("a") => {
            if number == 0 {
                continue;
            }
            if number > 100 {
                break;
            }
            log.add(number.to_string());
        });
    }
    'outer: loop {
        let found = async_with!(log.sure("b") => {
            for &number in numbers {
                if number == 7 {
                    break 'outer Some(number);
                }
            }
            numbers.len()
        });
        if found < 10 {
            break None;
        }
    }
}

async fn selects(log: &Log) -> u8 {
    loop {
        async_with!(log.sure("a") => {
            tokio::select! {
                () = tokio::task::yield_now() => continue,
                number = std::future::ready(3) => break number,
            }
        });
    }
}

async fn ends_in_a_panic(log: &Log) -> u8 {
    async_with!(log.sure("a") => {
        let number = if log_is_missing(log) { None } else { Some(1) };
        match number {
            None => panic!("no log"),
            Some(number) => number,
        }
    })
}

fn log_is_missing(_log: &Log) -> bool {
    false
}

async fn nested(log: &Log) -> Result<u32, Failure> {
    async_with!(log.unsure("a") as a => {
        let inner = async_with!(log.unsure("b") as b => {
            if *b == 1 {
                return Ok(1);
            }
            *b
        })?;
        Ok(inner + *a)
    })?
}

async fn takes_the_manager(manager: Recorder<Failure>) -> Result<u32, Failure> {
    async_with!(manager as value => { *value })
}

async fn pattern() {
    async_with!(Plain as &mut () => {});
    async_with!(Log::default().sure("a") as _ => {});
    async_with!(Plain as () => {});
}

fn synchronous(log: &Log, text: &str) -> Result<u32, Box<dyn std::error::Error>> {
    with!(log.sure("a") as _guard => { log.add("inside") });
    let number = with!(log.unsure("b") as b, log.sure("c") => { *b + text.parse::<u32>()? })?;
    for x in 0..number {
        with!(log.sure("d") => {
            if x == 1 {
                continue;
            }
            if x == 2 {
                break;
            }
        });
    }
    with!(log.sure("e") => { return Ok(number) })
}

async fn synchronous_around_awaits(log: &Log) -> u32 {
    with!(log.sure("a") as a => async {
        tokio::task::yield_now().await;
        *a
    })
}

async fn moves_and_borrows(log: &Log, mut list: Vec<u32>) -> Vec<u32> {
    let extra = vec![1];
    async_with!(log.sure("a") as a => {
        list.push(*a);
        list.extend(extra);
    });
    async_with!(Plain => { list })
}

macro_rules! within {
    ($manager:expr, $body:block) => {
        async_with!($manager => $body)
    };
}

macro_rules! within_by_comma {
    ($manager:expr, $body:block) => {
        async_with!($manager, $body)
    };
}

async fn body_from_a_macro() -> u8 {
    within!(Plain, { 1 }) + within_by_comma!(Plain, { 2 })
}

async fn must_use_is_kept() -> Result<(), &'static str> {
    let result: Result<Result<u8, u8>, &str> = async_with!(Fallible => { Ok(1) });
    assert_eq!(result?, Ok(1));
    Ok(())
}

#[tokio::test]
async fn typical_uses_run() {
    let log = Log::default();
    guard_for_the_rest(&log).await;
    assert_eq!(unused_result_is_handled(&log).await, Ok(()));
    assert_eq!(single_expressions(&log).await, 7);
    assert_eq!(always_returns(&log).await, Ok(1));
    assert_eq!(always_returns_through_fallible(&log).await, Ok(0));
    assert_eq!(ends_in_the_question_mark("1").await.unwrap(), 1);
    assert!(only_question_marks(&log, "1").await.is_ok());
    assert_eq!(several_items(&log).await, Ok(1));
    assert_eq!(loops(&log, &[0, 1, 7]).await, Some(7));
    assert_eq!(selects(&log).await, 3);
    assert_eq!(ends_in_a_panic(&log).await, 1);
    assert_eq!(nested(&log).await, Ok(0));
    assert_eq!(takes_the_manager(log.unsure("a").value(4)).await, Ok(4));
    pattern().await;
    assert_eq!(synchronous(&log, "3").unwrap(), 3);
    assert_eq!(synchronous_around_awaits(&log).await, 0);
    assert_eq!(moves_and_borrows(&log, vec![5]).await, [5, 0, 1]);
    assert_eq!(body_from_a_macro().await, 3);
    assert_eq!(must_use_is_kept().await, Ok(()));
    attribute::unit(&log).await;
    assert_eq!(attribute::guards(&log).await, Ok(()));
    assert_eq!(attribute::ends_in_a_return(&log, false).await, Ok(0));
    assert_eq!(attribute::ends_in_the_question_mark("1").await.unwrap(), 1);
    assert_eq!(attribute::is_one_expression(1).await, 1);
    attribute::is_empty().await;
    assert_eq!(attribute::ends_in_a_panic(Some(1)).await, 1);
    drop((attribute::always_panics(), attribute::never_ends()));
    assert_eq!(attribute::moves_a_parameter(vec![1], vec![2]).await, [1, 2]);
    assert_eq!(attribute::is_opaque("ab").await.count(), 2);
    rest_of_scope::unit(&log).await;
    assert_eq!(rest_of_scope::several(&log, false).await, Ok(1));
    assert_eq!(rest_of_scope::loops(&log, &[0, 1, 7]).await, Ok(Some(7)));
    assert_eq!(rest_of_scope::ends_in_the_question_mark("1").await.unwrap(), 2);
    assert_eq!(rest_of_scope::always_returns(&log).await, 1);
    assert_eq!(rest_of_scope::ends_in_a_panic(Some(1)).await, 1);
    rest_of_scope::nothing_is_behind_it().await;
    assert_eq!(rest_of_scope::moves_a_parameter(vec![1], vec![2]).await, [1, 2]);
    assert_eq!(rest_of_scope::is_opaque("ab").await.count(), 2);
}
