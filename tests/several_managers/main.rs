//! Several managers in one head, and everything that a head may hold.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(
    clippy::many_single_char_names,
    clippy::items_after_statements,
    reason = "short names read best here"
)]

#[path = "../common/mod.rs"]
mod common;
mod order;
mod patterns;

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
