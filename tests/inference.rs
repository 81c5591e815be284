//! Types are inferred through a block as well as through a plain `{ }`.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::default_trait_access, reason = "what it is inferred to be is the point")]

mod common;

use std::convert::Infallible;
use std::error::Error;
use std::fmt::{Debug, Display};

use async_with::{AsyncContextManager, ObserveError, Outcome, Suppress, async_with};

use crate::common::{Fallible, Plain};

#[tokio::test]
async fn the_type_around_the_block_reaches_the_body() {
    let sum: u64 = async_with!(Plain => { [1, 2, 3].into_iter().sum() });
    assert_eq!(sum, 6);
    let parsed: i16 = async_with!(Plain => { "7".parse().unwrap() });
    assert_eq!(parsed, 7);
    let default: String = async_with!(Plain => { Default::default() });
    assert_eq!(default, "");
    let collected: Result<Vec<u8>, &str> = async_with!(Fallible => { (0..3).collect() });
    assert_eq!(collected, Ok(vec![0, 1, 2]));
    let expr: u8 = async_with!(Plain => "9".parse().unwrap());
    assert_eq!(expr, 9);
    let several: Result<u64, &str> = async_with!(Fallible, Plain => { [1, 2].into_iter().sum() });
    assert_eq!(several, Ok(3));
    let infallible_first: Result<u64, &str> = async_with!(Plain, Fallible => { [1, 2].into_iter().sum() });
    assert_eq!(infallible_first, Ok(3));
    let both: u64 = async_with!(Plain, Plain => { [1, 2].into_iter().sum() });
    assert_eq!(both, 3);
}

#[tokio::test]
async fn values_coerce_into_the_type_around_the_block() {
    let object: Box<dyn Debug> = async_with!(Plain => { Box::new(3) });
    assert_eq!(format!("{object:?}"), "3");
    let inside: Result<Box<dyn Debug>, &str> = async_with!(Fallible => { Box::new("x") });
    assert_eq!(format!("{:?}", inside.unwrap()), "\"x\"");
    let branches: Box<dyn Display> =
        async_with!(Plain => { if sum() > 3 { Box::new(1) } else { Box::new("a") } });
    assert_eq!(branches.to_string(), "a");
    let function: fn(u8) -> u8 = async_with!(Plain => { |x| x + 1 });
    assert_eq!(function(1), 2);
    let owned = "text".to_owned();
    let text: &str = async_with!(Plain => { &owned });
    assert_eq!(text, "text");
    let list: Result<Box<dyn Debug>, &str> = async_with!(Fallible, Plain => { Box::new("x") });
    assert_eq!(format!("{:?}", list.unwrap()), "\"x\"");
}

fn sum() -> u8 {
    3
}

#[tokio::test]
async fn the_type_after_the_block_reaches_the_body() {
    let value = async_with!(Plain => { "7".parse().unwrap() });
    let number: u8 = value;
    assert_eq!(number, 7);
    let mut list = async_with!(Plain => { Vec::new() });
    list.push(1_u8);
    assert_eq!(list, [1]);
}

async fn trait_object(early: bool) -> Result<Box<dyn Debug>, Box<dyn Error>> {
    async_with!(Plain => {
        if early {
            return Ok(Box::new(3));
        }
        let number: u8 = "x".parse()?;
        return Ok(Box::new(number));
    })
}

async fn opaque(early: bool) -> impl Display {
    async_with!(Plain => {
        if early {
            return "early";
        }
    });
    "late"
}

async fn option(input: Option<u8>) -> Option<u8> {
    let doubled = async_with!(Plain => { input? * 2 });
    Some(doubled)
}

async fn unit(leave: &mut bool) {
    async_with!(Plain => {
        if *leave {
            return;
        }
    });
    *leave = true;
}

async fn generic<T: Clone + Send, E: From<&'static str>>(value: &T) -> Result<T, E> {
    let clone = async_with!(Fallible => {
        if std::mem::size_of::<T>() == 0 {
            return Err("empty".into());
        }
        value.clone()
    })?;
    Ok(clone)
}

async fn generic_manager<M: AsyncContextManager>(manager: M) -> Result<u8, M::Error> {
    async_with!(manager as _value => { 5 })
}

#[tokio::test]
async fn what_the_enclosing_function_returns_reaches_return() {
    assert_eq!(format!("{:?}", trait_object(true).await.unwrap()), "3");
    assert!(trait_object(false).await.is_err());
    assert_eq!(opaque(true).await.to_string(), "early");
    assert_eq!(opaque(false).await.to_string(), "late");
    assert_eq!(option(Some(2)).await, Some(4));
    assert_eq!(option(None).await, None);
    let mut leave = false;
    unit(&mut leave).await;
    assert!(leave);
    unit(&mut leave).await;
    assert_eq!(generic::<u8, String>(&1).await, Ok(1));
    assert_eq!(generic::<(), String>(&()).await, Err("empty".to_owned()));
    assert_eq!(generic_manager(Fallible).await, Ok(5));
    assert_eq!(generic_manager(Plain).await, Ok(5));
}

#[tokio::test]
async fn async_blocks_and_closures_need_no_annotation() {
    let number = async { async_with!(Plain => { 5_u8 }) }.await;
    assert_eq!(number, 5);
    let result = async {
        async_with!(Fallible => { "5".parse::<u8>()? })?;
        Ok::<_, Box<dyn Error>>(())
    };
    assert!(result.await.is_ok());
    let early = async {
        async_with!(Plain => {
            if sum() == 3 {
                return 1;
            }
        });
        2
    };
    assert_eq!(early.await, 1);
    let closure = async |x: u8| async_with!(Plain => { if x > 1 { return x } 0 });
    assert_eq!(closure(3).await, 3);
    assert_eq!(closure(1).await, 0);
    let task = tokio::spawn(async { async_with!(Plain => { async_with!(Plain => { vec![1] }) }) });
    assert_eq!(task.await.unwrap(), [1]);
}

#[tokio::test]
async fn blocks_nest_without_annotation() {
    let value = async_with!(Plain => {
        let inner = async_with!(Fallible => { "1".parse().unwrap() });
        async_with!(Plain => { inner.unwrap_or(2_u8) })
    });
    assert_eq!(value, 1);
}

struct Watching;

impl AsyncContextManager for Watching {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

impl ObserveError for Watching {
    fn observe(&mut self, _value: &mut (), _error: &(dyn Error + 'static)) {}
}

impl Suppress for Watching {
    fn suppress(&mut self, _value: &mut (), outcome: Outcome) -> bool {
        outcome == Outcome::Failed
    }
}

async fn observed(input: &str) -> Result<Box<dyn Debug>, Box<dyn Error + Send + Sync>> {
    let sum: Option<u64> = async_with!(Watching => {
        if input.is_empty() {
            return Ok(Box::new("empty"));
        }
        let first: u64 = input.parse()?;
        [first, 1].into_iter().sum()
    });
    Ok(Box::new(sum))
}

#[tokio::test]
async fn observing_and_suppressing_managers_do_not_spoil_it_in_a_named_function() {
    assert_eq!(format!("{:?}", observed("").await.unwrap()), "\"empty\"");
    assert_eq!(format!("{:?}", observed("2").await.unwrap()), "Some(3)");
    assert_eq!(format!("{:?}", observed("x").await.unwrap()), "None");
}
