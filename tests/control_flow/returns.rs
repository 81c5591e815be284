//! `return` and `?`.

use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::pin::Pin;

use async_with::{AsyncContextManager, async_with};

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};
use crate::parse;

// CPython: test_with.NonLocalFlowControl.testWithReturn.
#[tokio::test]
async fn return_leaves_the_function_after_the_exit() {
    async fn run() -> u32 {
        let mut counter = 1;
        async_with!(Plain => {
            counter += 10;
            return counter;
        })
    }

    assert_eq!(run().await, 11);
}

// CPython: test_with.NonLocalFlowControl.testWithRaise.
#[tokio::test]
async fn the_question_mark_leaves_the_function() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(log.sure("a") => { Err(Failure("x"))?; });
        log.add("after");
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("x")));
    log.expect(&["enter a", "exit a: failed"]);
}

#[tokio::test]
async fn they_cross_nested_blocks_loops_and_several_items() {
    async fn run(log: &Log, text: &str) -> Result<u32, Box<dyn Error>> {
        async_with!(log.sure("a") => {
            loop {
                async_with!(log.sure("b"), log.sure("c") => {
                    let number = parse(text)?;
                    if number > 1 {
                        return Ok(number);
                    }
                    break;
                });
            }
            log.add("after");
        });
        Ok(0)
    }

    let log = Log::default();
    assert_eq!(run(&log, "5").await.unwrap(), 5);
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: returned",
        "exit b: returned",
        "exit a: returned",
    ]);
    assert!(run(&log, "x").await.is_err());
    log.expect(&["enter a", "enter b", "enter c", "exit c: failed", "exit b: failed", "exit a: failed"]);
    assert_eq!(run(&log, "1").await.unwrap(), 0);
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: broke",
        "exit b: broke",
        "after",
        "exit a: completed",
    ]);
}

#[tokio::test]
async fn they_may_be_hidden_in_macros() {
    macro_rules! give_up {
        ($value:expr) => {
            return Ok($value)
        };
    }

    async fn run(log: &Log, text: &str) -> anyhow::Result<String> {
        async_with!(log.sure("a") => {
            let line = format!("{}", parse(text)?);
            println!("{}", parse(text)?);
            anyhow::ensure!(line != "1", "one");
            if line == "2" {
                anyhow::bail!("two");
            }
            if line == "3" {
                give_up!("three".to_owned());
            }
            Ok(line)
        })
    }

    let log = Log::default();
    assert!(run(&log, "x").await.unwrap_err().is::<std::num::ParseIntError>());
    assert_eq!(run(&log, "1").await.unwrap_err().to_string(), "one");
    assert_eq!(run(&log, "2").await.unwrap_err().to_string(), "two");
    log.expect(&["enter a", "exit a: failed", "enter a", "exit a: failed", "enter a", "exit a: failed"]);
    assert_eq!(run(&log, "3").await.unwrap(), "three");
    assert_eq!(run(&log, "4").await.unwrap(), "4");
    log.expect(&["enter a", "exit a: returned", "enter a", "exit a: completed"]);
}

#[tokio::test]
async fn from_functions_of_every_kind_of_return_type() {
    async fn unit(log: &Log) {
        async_with!(log.sure("unit") => { return; });
    }
    async fn option(log: &Log) -> Option<u8> {
        async_with!(log.sure("option") => { None? })
    }
    async fn boxed(log: &Log) -> Result<u8, Box<dyn Error>> {
        async_with!(log.sure("boxed") => { Err("text")? })
    }
    async fn opaque(log: &Log) -> impl Display + use<> {
        async_with!(log.sure("opaque") => { return 5; })
    }
    async fn object(log: &Log) -> Box<dyn Debug> {
        async_with!(log.sure("object") => { return Box::new(6); })
    }
    async fn never_ok(log: &Log) -> Result<std::convert::Infallible, Failure> {
        async_with!(log.sure("never") => { return Err(Failure("x")); })
    }

    let log = Log::default();
    unit(&log).await;
    assert_eq!(option(&log).await, None);
    assert_eq!(boxed(&log).await.unwrap_err().to_string(), "text");
    assert_eq!(opaque(&log).await.to_string(), "5");
    assert_eq!(format!("{:?}", object(&log).await), "6");
    assert_eq!(never_ok(&log).await.unwrap_err(), Failure("x"));
    log.expect(&[
        "enter unit",
        "exit unit: returned",
        "enter option",
        "exit option: returned",
        "enter boxed",
        "exit boxed: failed",
        "enter opaque",
        "exit opaque: returned",
        "enter object",
        "exit object: returned",
        "enter never",
        "exit never: failed",
    ]);
}

#[tokio::test]
async fn from_closures_and_async_blocks() {
    let log = Log::default();
    let closure = async |text: &str| -> Result<u32, std::num::ParseIntError> {
        async_with!(log.sure("closure") => { return Ok(parse(text)? + 1); })
    };
    assert_eq!(closure("1").await, Ok(2));
    assert!(closure("x").await.is_err());
    let block = async {
        async_with!(log.sure("block") => { parse("x")?; });
        Ok::<_, Box<dyn Error>>(())
    };
    assert!(block.await.is_err());
    let moved = String::from("ab");
    let owner = async move { async_with!(Plain => { return moved.len(); }) };
    assert_eq!(owner.await, 2);
    let returning = |text: &'static str| async move {
        async_with!(Fallible => { parse(text)? })?;
        Ok::<_, Box<dyn Error>>("fine")
    };
    assert_eq!(returning("3").await.unwrap(), "fine");
    assert!(returning("y").await.is_err());
    log.expect(&[
        "enter closure",
        "exit closure: returned",
        "enter closure",
        "exit closure: failed",
        "enter block",
        "exit block: failed",
    ]);
}

trait Service {
    fn call(&self, text: &str) -> impl Future<Output = Result<u32, Failure>>;

    async fn twice(&self, text: &str) -> Result<u32, Failure> {
        async_with!(Plain => {
            let first = self.call(text).await?;
            return Ok(first + self.call(text).await?);
        })
    }
}

struct Parser {
    log: Log,
    calls: u32,
}

impl Parser {
    async fn count(&mut self) -> u32 {
        async_with!(self.log.sure("count") => {
            self.calls += 1;
            if self.calls > 1 {
                return self.calls * 10;
            }
        });
        self.calls
    }
}

impl Service for Parser {
    async fn call(&self, text: &str) -> Result<u32, Failure> {
        async_with!(self.log.sure("call") => { parse(text).map_err(|_| Failure("parse"))? });
        Ok(1)
    }
}

#[tokio::test]
async fn from_methods_of_types_and_traits() {
    let log = Log::default();
    let mut parser = Parser { log: log.clone(), calls: 0 };
    assert_eq!(parser.twice("1").await, Ok(2));
    assert_eq!(parser.twice("x").await, Err(Failure("parse")));
    log.expect(&[
        "enter call",
        "exit call: completed",
        "enter call",
        "exit call: completed",
        "enter call",
        "exit call: failed",
    ]);
    assert_eq!(parser.count().await, 1);
    assert_eq!(parser.count().await, 20);
    log.expect(&["enter count", "exit count: completed", "enter count", "exit count: returned"]);
}

async fn generic<M, T, E>(manager: M, value: Result<T, E>) -> Result<T, E>
where
    M: AsyncContextManager,
    E: From<M::Error>,
{
    async_with!(manager => {
        let value = value?;
        return Ok(value);
    })?
}

#[tokio::test]
async fn from_generic_functions() {
    let log = Log::default();
    assert_eq!(generic(log.unsure("a"), Ok::<_, Failure>(1)).await, Ok(1));
    assert_eq!(generic(log.unsure("a"), Err::<u8, _>(Failure("x"))).await, Err(Failure("x")));
    assert_eq!(generic(log.unsure("a").exit_fails(Failure("exit")), Ok(1)).await, Err(Failure("exit")));
    log.expect(&["enter a", "exit a: returned", "enter a", "exit a: failed", "enter a", "exit a: returned"]);
}

fn countdown(log: &Log, from: u32) -> Pin<Box<dyn Future<Output = Result<u32, Failure>> + Send + '_>> {
    Box::pin(async move {
        async_with!(log.sure("level") => {
            if from == 0 {
                return Err(Failure("bottom"));
            }
            countdown(log, from - 1).await?;
        });
        Ok(from)
    })
}

#[tokio::test]
async fn from_recursive_functions() {
    let log = Log::default();
    assert_eq!(countdown(&log, 2).await, Err(Failure("bottom")));
    let (enter, exit) = ("enter level", "exit level: failed");
    log.expect(&[enter, enter, enter, exit, exit, exit]);
}

#[tokio::test]
async fn a_returned_value_is_computed_before_the_exit() {
    async fn run(log: &Log) -> &'static str {
        let compute = || {
            log.add("compute");
            "value"
        };
        async_with!(log.sure("a") => { return compute(); })
    }

    let log = Log::default();
    assert_eq!(run(&log).await, "value");
    log.expect(&["enter a", "compute", "exit a: returned"]);
}

#[tokio::test]
async fn a_returned_value_may_borrow_from_outside() {
    async fn first<'a>(text: &'a str, log: &Log) -> &'a str {
        async_with!(log.sure("a") => {
            if let Some((first, _)) = text.split_once(' ') {
                return first;
            }
        });
        text
    }

    let log = Log::default();
    assert_eq!(first("one two", &log).await, "one");
    assert_eq!(first("one", &log).await, "one");
}
