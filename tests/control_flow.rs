//! `return`, `?`, `break` and `continue` in a body mean what they mean in a plain block.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::never_loop, reason = "loops that are left in their first turn are what is tested")]

mod common;

use std::error::Error;
use std::fmt::{Debug, Display};
use std::future::{Future, ready};
use std::pin::Pin;

use async_with::{AsyncContextManager, async_with};
use futures::StreamExt;

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};

fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

mod loops {
    use super::{Fallible, Log, Plain, async_with};

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

    #[tokio::test]
    async fn a_jump_in_the_head_of_a_nested_block_leaves_the_outer_one() {
        let log = Log::default();
        for turn in 0..3 {
            async_with!(log.sure("a") => {
                async_with!(if turn == 1 { break } else { log.sure("b") } => {});
            });
        }
        log.expect(&[
            "enter a",
            "enter b",
            "exit b: completed",
            "exit a: completed",
            "enter a",
            "exit a: broke",
        ]);
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
}

mod select {
    use super::{Log, async_with, ready};

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
        log.expect(&[
            "enter a",
            "exit a: continued",
            "enter a",
            "exit a: continued",
            "enter a",
            "exit a: broke",
        ]);
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
}

mod returns {
    use super::{
        AsyncContextManager, Debug, Display, Error, Failure, Fallible, Future, Log, Pin, Plain, async_with,
        parse,
    };

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
        log.expect(&[
            "enter a",
            "exit a: returned",
            "enter a",
            "exit a: failed",
            "enter a",
            "exit a: returned",
        ]);
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
}

mod bodies {
    use super::{Fallible, Log, Plain, StreamExt, async_with, ready};

    #[tokio::test]
    async fn may_be_any_expression() {
        let log = Log::default();
        assert_eq!(async_with!(log.sure("a").value(3) as a => *a + 1), 4);
        assert_eq!(async_with!(Plain => ready(5).await), 5);
        assert_eq!(async_with!(Plain => if log_is(&log) { 1 } else { 2 }), 1);
        assert_eq!(async_with!(Plain => match 3 { 3 => "three", _ => "other" }), "three");
        assert_eq!(async_with!(Fallible => [1, 2, 3].len()), Ok(3));
        assert_eq!(async_with!(Plain => (1, 2)), (1, 2));
        let number = loop {
            async_with!(Plain => break 6);
        };
        assert_eq!(number, 6);
        log.expect(&["enter a", "exit a: completed"]);
    }

    fn log_is(_log: &Log) -> bool {
        true
    }

    #[tokio::test]
    async fn may_follow_a_comma() {
        async fn leave(log: &Log) -> Result<u32, std::num::ParseIntError> {
            let mut sum = 0;
            for text in ["1", "skip", "2", "stop", "x"] {
                async_with!(log.sure("a").value(10) as a, log.sure("b"), {
                    if text == "skip" {
                        continue;
                    }
                    if text == "stop" {
                        break;
                    }
                    sum += *a + super::parse(text)?;
                });
            }
            Ok(sum)
        }

        let log = Log::default();
        assert_eq!(leave(&log).await, Ok(23));
        assert_eq!(async_with!(Plain, { 4 }), 4);
        assert_eq!(async_with!(Plain, { 5 },), 5);
    }

    #[tokio::test]
    async fn may_be_empty() {
        async_with!(Plain => {});
        async_with!(Plain as _plain, {});
        assert_eq!(async_with!(Fallible => {}), Ok(()));
    }

    #[tokio::test]
    async fn are_evaluated_once_in_place() {
        let mut count = 0;
        let text = String::from("kept");
        async_with!(Plain => {
            count += 1;
            assert_eq!(text, "kept");
        });
        assert_eq!((count, text.as_str()), (1, "kept"));
        let moved = async_with!(Plain => { text });
        assert_eq!(moved, "kept");
    }

    #[tokio::test]
    async fn drop_their_locals_before_the_exit_whichever_way_they_leave() {
        async fn run(log: &Log, how: &str) -> Result<(), super::Failure> {
            for _ in 0..1 {
                async_with!(log.sure("a") => {
                    let _outer = log.on_drop("drop outer");
                    let _inner = log.on_drop("drop inner");
                    match how {
                        "return" => return Ok(()),
                        "?" => Err(super::Failure("x"))?,
                        "break" => break,
                        "continue" => continue,
                        _ => {}
                    }
                });
            }
            Ok(())
        }

        let log = Log::default();
        for (how, told) in [
            ("end", "completed"),
            ("return", "returned"),
            ("?", "failed"),
            ("break", "broke"),
            ("continue", "continued"),
        ] {
            assert_eq!(run(&log, how).await.is_err(), how == "?");
            log.expect(&["enter a", "drop inner", "drop outer", &format!("exit a: {told}")]);
        }
    }

    // CPython: test_with.NonLocalFlowControl.testWithYield. test262: initializer-Symbol.asyncDispose-called-at-end-of-
    // asyncgeneratorbody, await-using-in-async-generator-body.
    #[tokio::test]
    async fn may_feed_a_stream() {
        let log = Log::default();
        let (sender, receiver) = futures::channel::mpsc::channel::<u32>(0);
        let producer = async {
            let mut sender = sender;
            async_with!(log.sure("a") => {
                for number in 1..=2 {
                    if futures::SinkExt::send(&mut sender, number).await.is_err() {
                        return;
                    }
                    log.add(format!("sent {number}"));
                }
            });
            log.add("after");
        };
        let ((), numbers) = tokio::join!(producer, receiver.collect::<Vec<_>>());
        assert_eq!(numbers, [1, 2]);
        log.expect(&["enter a", "sent 1", "sent 2", "exit a: completed", "after"]);
    }

    // CPython: test_with.NonLocalFlowControl.testWithYield: each step of a stream has a block of its own.
    #[tokio::test]
    async fn may_be_the_steps_of_a_stream() {
        let log = Log::default();
        let stream = futures::stream::unfold(0, |number| {
            let log = log.clone();
            async move {
                async_with!(log.sure("step") => {
                    if number == 2 {
                        return None;
                    }
                    Some((number, number + 1))
                })
            }
        });
        assert_eq!(stream.collect::<Vec<_>>().await, [0, 1]);
        log.expect(&[
            "enter step",
            "exit step: completed",
            "enter step",
            "exit step: completed",
            "enter step",
            "exit step: returned",
        ]);
    }
}

// Bodies that begin like a statement.

#[tokio::test]
async fn an_expression_that_begins_like_a_statement_is_a_body() {
    let log = Log::default();
    assert_eq!(async_with!(log.sure("a") => { 1 } + { 2 }), 3);
    assert!(async_with!(log.sure("b") as b => match *b { 0 => 2, _ => 3 } == 2));
    assert_eq!(async_with!(log.sure("c") => if log.has("enter c") { 1_u8 } else { 2 } as char), '\u{1}');
    assert_eq!(async_with!(log.sure("d") => [1, 2].len()), 2);
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

// A macro of the user's with the name of ours.

mod named_alike {
    macro_rules! with {
        ($value:expr => $body:block) => {
            for _ in 0..$value {
                $body
            }
        };
    }
    pub(crate) use with;
}

#[tokio::test]
async fn a_users_own_with_is_left_alone() {
    let log = Log::default();
    async_with!(log.sure("a") => {
        named_alike::with!(2 => {
            log.add("turn");
            let mut left = 3;
            loop {
                left -= 1;
                if left == 0 {
                    break;
                }
            }
        });
    });
    log.expect(&["enter a", "turn", "turn", "exit a: completed"]);
}
