//! Several managers in one head, and everything that a head may hold.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(
    clippy::many_single_char_names,
    clippy::items_after_statements,
    reason = "short names read best here"
)]

mod common;

use std::convert::Infallible;

use async_with::{AsyncContextManager, Outcome, async_with};

use crate::common::log::{Failure, Log, Recorder};
use crate::common::{Fallible, Plain};

/// Lends what it was given.
struct Lend<T>(Option<T>);

fn lend<T>(value: T) -> Lend<T> {
    Lend(Some(value))
}

impl<T: Send + 'static> AsyncContextManager for Lend<T> {
    type Value = T;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<T, Infallible> {
        Ok(self.0.take().unwrap())
    }

    async fn exit(self, _value: T, _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}

mod order {
    use super::{Failure, Infallible, Log, Recorder, async_with};

    // CPython: test_with.NestedWith.testNoExceptions.
    #[tokio::test]
    async fn they_are_entered_left_to_right_and_exited_in_reverse() {
        let log = Log::default();
        let sum = async_with!(log.sure("a").value(1) as a, log.sure("b").value(2) as b => {
            log.add("body");
            *a + *b
        });
        assert_eq!(sum, 3);
        log.expect(&["enter a", "enter b", "body", "exit b: completed", "exit a: completed"]);
    }

    #[tokio::test]
    async fn each_expression_is_evaluated_after_the_enter_before_it_and_may_use_its_name() {
        fn make(log: &Log, name: &'static str, value: u32) -> Recorder<Infallible> {
            log.add(format!("make {name}"));
            log.sure(name).value(value)
        }

        let log = Log::default();
        let value = async_with!(
            make(&log, "a", 1) as a,
            make(&log, "b", *a + 1) as b,
            make(&log, "c", { *a += 10; *a + *b }) as c,
            => { (*a, *b, *c) }
        );
        assert_eq!(value, (11, 2, 13));
        log.expect(&[
            "make a",
            "enter a",
            "make b",
            "enter b",
            "make c",
            "enter c",
            "exit c: completed",
            "exit b: completed",
            "exit a: completed",
        ]);
    }

    #[tokio::test]
    async fn a_later_name_shadows_an_earlier_one() {
        let log = Log::default();
        let value = async_with!(log.sure("a").value(1) as x, log.sure("b").value(*x + 1) as x => { *x });
        assert_eq!(value, 2);
    }

    // CPython: test_with.NestedWith.testExceptionInEnter.
    #[tokio::test]
    async fn an_enter_that_fails_is_told_to_the_earlier_ones_as_a_failure() {
        let log = Log::default();
        let value = async_with!(
            log.unsure("a"), log.sure("b"), log.unsure("c").enter_fails(Failure("c")), log.unsure("d")
            => { log.add("body") }
        );
        assert_eq!(value, Err(Failure("c")));
        log.expect(&["enter a", "enter b", "enter c", "exit b: failed", "exit a: failed"]);
    }

    // CPython: test_with.NestedWith.testExceptionInExprList. test262: await-using/initializer-Symbol.asyncDispose-called-
    // if-subsequent-initializer-throws and its Symbol.dispose twin.
    #[tokio::test]
    async fn an_expression_that_fails_is_told_to_the_earlier_ones_as_a_failure() {
        async fn run(log: &Log, second: Result<&'static str, Failure>) -> Result<u8, Failure> {
            async_with!(log.sure("a"), log.sure(second?) => {
                log.add("body");
            });
            Ok(1)
        }

        let log = Log::default();
        assert_eq!(run(&log, Ok("b")).await, Ok(1));
        log.expect(&["enter a", "enter b", "body", "exit b: completed", "exit a: completed"]);
        assert_eq!(run(&log, Err(Failure("b"))).await, Err(Failure("b")));
        log.expect(&["enter a", "exit a: failed"]);
    }

    // test262: await-using/initializer-disposed-if-subsequent-initializer-throws-in-forstatement-head.
    #[tokio::test]
    async fn so_is_one_in_the_head_of_a_loop() {
        async fn run(log: &Log, end: Result<u8, Failure>) -> Result<(), Failure> {
            async_with!(log.sure("a") => {
                for _ in 0..end? {
                    log.add("turn");
                }
            });
            Ok(())
        }

        let log = Log::default();
        assert_eq!(run(&log, Err(Failure("x"))).await, Err(Failure("x")));
        log.expect(&["enter a", "exit a: failed"]);
    }

    #[tokio::test]
    async fn the_first_expression_may_fail_before_anything_is_entered() {
        async fn run(log: &Log, first: Option<&'static str>) -> Option<u8> {
            async_with!(log.sure(first?), log.sure("b") => {});
            Some(1)
        }

        let log = Log::default();
        assert_eq!(run(&log, None).await, None);
        log.expect(&[]);
        assert_eq!(run(&log, Some("a")).await, Some(1));
    }

    #[tokio::test]
    async fn a_later_expression_may_return() {
        async fn run(log: &Log) -> &'static str {
            async_with!(log.sure("a"), if log_is(log) { return "early" } else { log.sure("b") } => {});
            "late"
        }

        let log = Log::default();
        assert_eq!(run(&log).await, "early");
        log.expect(&["enter a", "exit a: returned"]);
    }

    fn log_is(_log: &Log) -> bool {
        true
    }

    fn broken() -> Recorder<Infallible> {
        panic!("no manager")
    }

    #[tokio::test]
    async fn an_expression_that_panics_is_told_to_the_earlier_ones() {
        let log = Log::default();
        let inside = log.clone();
        let task = tokio::spawn(async move {
            async_with!(inside.sure("a"), broken() => {});
        });
        assert!(task.await.unwrap_err().is_panic());
        log.expect(&["enter a", "exit a: panicked"]);
    }
}

mod errors {
    use super::{Failure, Fallible, Log, Plain, async_with};

    #[derive(Debug, PartialEq)]
    enum Lifted {
        Failure(Failure),
        Text(&'static str),
    }

    impl From<Failure> for Lifted {
        fn from(error: Failure) -> Self {
            Self::Failure(error)
        }
    }

    impl From<&'static str> for Lifted {
        fn from(error: &'static str) -> Self {
            Self::Text(error)
        }
    }

    #[tokio::test]
    async fn the_first_fallible_item_gives_the_type_and_the_others_convert() {
        let log = Log::default();
        let fine = async_with!(log.manager::<Lifted>("a"), Fallible, log.unsure("b") => { 1 });
        assert_eq!(fine, Ok(1));
        let own = log.manager("a").enter_fails(Lifted::Text("own"));
        assert_eq!(async_with!(own, log.unsure("b") => {}), Err(Lifted::Text("own")));
        let enter = log.unsure("b").enter_fails(Failure("enter"));
        assert_eq!(
            async_with!(log.manager::<Lifted>("a"), enter => {}),
            Err(Lifted::Failure(Failure("enter")))
        );
        let exit = log.manager("c").exit_fails("exit");
        assert_eq!(
            async_with!(log.manager::<Lifted>("a"), log.unsure("b"), exit => {}),
            Err(Lifted::Text("exit"))
        );
    }

    #[tokio::test]
    async fn infallible_items_fit_anywhere() {
        let log = Log::default();
        let exit = || log.unsure("x").exit_fails(Failure("exit"));
        assert_eq!(async_with!(Plain, exit(), log.unsure("b") => { 1 }), Err(Failure("exit")));
        assert_eq!(async_with!(log.unsure("b"), Plain, exit() => { 1 }), Err(Failure("exit")));
        assert_eq!(async_with!(exit(), log.unsure("b"), Plain => { 1 }), Err(Failure("exit")));
        assert_eq!(async_with!(Plain, Plain, exit() => { 1 }), Err(Failure("exit")));
        assert_eq!(async_with!(Plain, log.sure("a"), Plain => { 1 }), 1);
    }

    #[tokio::test]
    async fn errors_convert_into_boxed_ones() {
        let log = Log::default();
        type Boxed = Box<dyn std::error::Error + Send + Sync>;
        let value = async_with!(
            log.manager::<Boxed>("a"), log.unsure("b"), log.manager("c").enter_fails("text")
            => { 1 }
        );
        assert_eq!(value.unwrap_err().to_string(), "text");
    }
}

// CPython: test_with.NestedWith.testEnterReturnsTuple, AssignmentTargetTestCase.testWithExtendedTargets.
// test262: syntax/await-using-invalid-arraybindingpattern, -objectbindingpattern, which Rust allows.
mod patterns {
    use super::{Lend, Log, async_with, lend};

    struct Point {
        x: i32,
        y: i32,
    }

    struct Pair(u8, &'static str);

    #[tokio::test]
    async fn a_name_is_a_mutable_reference() {
        let log = Log::default();
        async_with!(log.sure("a").value(1) as a => {
            *a += 1;
            let a: &mut u32 = a;
            assert_eq!(*a, 2);
        });
        let (mut one, mut two) = (1, 2);
        async_with!(lend(5) as mut number => {
            *number += 1;
            assert_eq!(*number, 6);
            number = if one < two { &mut one } else { &mut two };
            *number += 10;
        });
        assert_eq!((one, two), (11, 2));
    }

    #[tokio::test]
    async fn tuples_structs_slices_and_wildcards_destructure() {
        async_with!(lend((1, "a")) as (number, text), lend((2, (3, 4))) as (a, (b, _)) => {
            *number += 1;
            assert_eq!((*number, *text, *a, *b), (2, "a", 2, 3));
        });
        async_with!(lend(Point { x: 1, y: 2 }) as Point { x, y: other } => {
            *x += *other;
            assert_eq!(*x, 3);
        });
        async_with!(lend(Pair(1, "b")) as Pair(first, ..), lend(Pair(2, "c")) as Pair(_, last) => {
            assert_eq!((*first, *last), (1, "c"));
        });
        async_with!(lend([1, 2, 3, 4]) as [first, .., last] => {
            std::mem::swap(first, last);
            assert_eq!((*first, *last), (4, 1));
        });
        async_with!(lend([1, 2, 3]) as [_, rest @ ..] => { assert_eq!(rest.len(), 2) });
        async_with!(lend(1) as _ => {});
        async_with!(lend(((1, [2, 3]), Point { x: 4, y: 5 })) as ((a, [b, _]), Point { y, .. }) => {
            assert_eq!((*a, *b, *y), (1, 2, 5));
        });
        async_with!(lend(1) as &mut number => { assert_eq!(number, 1) });
        async_with!(lend((1, 2)) as (a, b), lend(*a + *b) as c => { assert_eq!(*c, 3) });
    }

    // CPython: test_with.NonexceptionalTestCase.testInlineGeneratorSyntax, testUnboundGenerator.
    #[tokio::test]
    async fn no_name_is_needed() {
        let log = Log::default();
        let manager = log.sure("bound");
        async_with!(manager => { log.add("body") });
        async_with!(log.sure("inline") => { log.add("body") });
        log.expect(&[
            "enter bound",
            "body",
            "exit bound: completed",
            "enter inline",
            "body",
            "exit inline: completed",
        ]);
    }

    // CPython: testInlineGeneratorBoundSyntax, testBoundGenerator, testInlineGeneratorBoundToExistingVariable.
    // test262: syntax/await-using-outer-inner-using-bindings.
    #[tokio::test]
    async fn a_name_shadows_in_its_block_only() {
        let name = 1;
        async_with!(lend(name + 1) as name => {
            assert_eq!(*name, 2);
            async_with!(lend(*name + 1) as name => { assert_eq!(*name, 3) });
            assert_eq!(*name, 2);
        });
        assert_eq!(name, 1);
    }

    #[tokio::test]
    async fn a_trait_of_the_manager_may_be_named_in_the_head() {
        async_with!(Lend::<u8>(Some(1)) as one, Lend::<(u8, u8)>(Some((1, 2))) as two => {
            assert_eq!((*one, *two), (1, (1, 2)));
        });
    }
}

#[allow(
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::redundant_closure_call,
    clippy::suspicious_arithmetic_impl,
    reason = "how a head is cut is what is tested"
)]
mod expressions {
    use super::{Failure, Lend, Log, Plain, async_with, lend};

    struct Config {
        size: u8,
    }

    impl Config {
        fn manager<T: From<u8>>(&self) -> Lend<T> {
            lend(self.size.into())
        }
    }

    #[tokio::test]
    async fn casts_come_before_the_name() {
        let number = 300_i64;
        async_with!(lend(number as u8) as small => { assert_eq!(*small, 44) });
        let pointer = &5_u32;
        async_with!(lend(*pointer as u64 as f64) as float, lend(*float as u32 as u8) => {
            assert!((*float - 5.0).abs() < 0.1);
        });
    }

    struct Doubled;

    impl std::ops::Add<Doubled> for u32 {
        type Output = Lend<u32>;

        fn add(self, _doubled: Doubled) -> Lend<u32> {
            lend(self * 2)
        }
    }

    #[tokio::test]
    async fn a_cast_may_stand_outside_of_all_parentheses() {
        let number = 4_u64;
        async_with!(number as u32 + Doubled as doubled, *doubled as u16 as u32 + Doubled as mut again => {
            assert_eq!((*doubled, *again), (8, 16));
            again = doubled;
            assert_eq!(*again, 8);
        });
    }

    #[tokio::test]
    async fn generics_closures_matches_and_struct_literals_stand_in_a_head() {
        let config = Config { size: 3 };
        async_with!(config.manager::<u32>() as a, Config { size: 4 }.manager::<u64>() as b => {
            assert_eq!((*a, *b), (3, 4));
        });
        async_with!(lend((|x: u8, y: u8| x + y)(1, 2)) as sum => { assert_eq!(*sum, 3) });
        async_with!(lend(|x: u8| -> u8 { x + 1 }) as add => { assert_eq!(add(1), 2) });
        async_with!(
            match config.size { 3 => lend("three"), _ => lend("other") } as text,
            if text.is_empty() { lend(1) } else { lend(2) } as number,
            { let x = *number; lend(x + 1) } as next
            => { assert_eq!((*text, *number, *next), ("three", 2, 3)) }
        );
        async_with!(lend(Vec::<(u8, u8)>::new()) as list => { list.push((1, 2)) });
        async_with!(lend(1 < 2) as less, lend(*less as u8) => { assert!(*less) });
    }

    #[tokio::test]
    async fn awaits_and_question_marks_stand_in_a_head() {
        async fn connect(log: &Log, name: &'static str) -> Result<super::Recorder<Failure>, Failure> {
            tokio::task::yield_now().await;
            if name.is_empty() { Err(Failure("no name")) } else { Ok(log.unsure(name)) }
        }

        async fn run(log: &Log, second: &'static str) -> Result<(), Failure> {
            async_with!(connect(log, "a").await? as _a, connect(log, second).await? as _b => {})
        }

        let log = Log::default();
        assert_eq!(run(&log, "b").await, Ok(()));
        log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
        assert_eq!(run(&log, "").await, Err(Failure("no name")));
        log.expect(&["enter a", "exit a: failed"]);
    }

    // CPython: test_grammar.test_async_with, the six shapes of a header.
    #[tokio::test]
    async fn every_shape_of_a_head_parses() {
        async_with!(Plain => {});
        async_with!(Plain as _x => {});
        async_with!(lend((1, 2)) as (_x, _y) => {});
        async_with!(Plain, Plain => {});
        async_with!(Plain as _x, Plain => {});
        async_with!(Plain as _x, Plain as _y => {});
        async_with!(Plain, => {});
        async_with!(Plain as _x, Plain as _y, => {});
        async_with!(Plain, Plain as _y, {});
    }

    #[tokio::test]
    async fn twelve_managers_fit_in_one_head() {
        let log = Log::default();
        let sum = async_with!(
            lend(1) as a, lend(1) as b, lend(1) as c, lend(1) as d, lend(1) as e, lend(1) as f,
            lend(1) as g, lend(1) as h, lend(1) as i, lend(1) as j, lend(1) as k, log.unsure("l").value(1) as l
            => { *a + *b + *c + *d + *e + *f + *g + *h + *i + *j + *k + *l }
        );
        assert_eq!(sum, Ok(12));
    }
}
