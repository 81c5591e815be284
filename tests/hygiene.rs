//! The names of the expansion and those of the user do not meet.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use async_with::{async_with, scoped, with};

use crate::common::log::{Failure, Log};
use crate::common::{Fallible, Plain};

#[tokio::test]
async fn variables_of_the_user_may_have_the_names_of_ours() {
    let log = Log::default();
    let (scope, value, manager, returns, flag) = (1, 2, 3, 4, 5);
    let (out, body, driver, stop, ending, exited) = (6, 7, 8, 9, 10, 11);
    let (lift, error, product, errors, jump, told) = (12, 13, 14, 15, 16, 17);
    let (__async_with_scope, __async_with_value, __async_with_out, __async_with_flag) = (18, 19, 20, 21);
    let __async_with_manager = log.sure("a").value(22);
    let sum = async_with!(__async_with_manager as __async_with_returns => {
        scope + value + manager + returns + flag + out + body + driver + stop + ending + exited + lift + error
            + product + errors + jump + told + __async_with_scope + __async_with_value + __async_with_out
            + __async_with_flag + *__async_with_returns
    });
    assert_eq!(sum, (1..=22).sum());
}

#[tokio::test]
async fn names_in_the_head_may_be_those_of_ours() {
    let log = Log::default();
    let manager = log.sure("a").value(1);
    let scope = log.unsure("b").value(2);
    let sum = async_with!(manager as scope_value, scope as value, log.sure("c").value(*value) as scope => {
        *scope_value + *value + *scope
    });
    assert_eq!(sum, Ok(5));
    let value = async_with!(Plain as stop, Fallible as driver => {
        let ((), ()) = (*stop, *driver);
        let way = 1;
        way + 1
    });
    assert_eq!(value, Ok(2));
}

#[tokio::test]
async fn the_rests_of_blocks_keep_apart() {
    #[scoped]
    async fn rests(log: &Log, manager: u32) -> (u32, u32, u32) {
        let scope = 1;
        #[enter]
        let value = log.sure("a").value(manager);
        let out = *value;
        #[enter]
        let returns = log.sure("b").value(out + scope);
        loop {
            #[enter]
            let value = log.sure("c").value(3);
            break (out, *returns, *value);
        }
    }
    assert_eq!(rests(&Log::default(), 1).await, (1, 2, 3));
}

#[tokio::test]
async fn nested_blocks_expanded_on_the_spot_keep_apart() {
    let log = Log::default();
    let value = 'outer: loop {
        async_with!(log.sure("a").value(1) as value => {
            let flag = *value;
            async_with!(log.sure("b").value(2) as value => {
                let out = *value;
                async_with!(log.sure("c").value(3) as value => { break 'outer (flag, out, *value) });
            });
        });
    };
    assert_eq!(value, (1, 2, 3));
}

/// What a user may call their own, all of which the prelude has too.
mod shadowed {
    #![allow(dead_code, non_camel_case_types, reason = "they only stand in the way")]

    use crate::common::{Fallible, Plain};

    pub mod core {}
    pub mod std {}
    pub mod async_with_core {}

    pub struct Option;
    pub struct Some;
    pub struct None;
    pub struct Result;
    pub struct Ok;
    pub struct Err;
    pub struct Send;
    pub struct Drop;
    pub struct Box;
    pub struct String;
    pub struct Infallible;
    pub enum bool {}
    pub enum usize {}
    pub trait Future {}
    pub trait From {}
    pub trait Into {}
    pub trait Default {}
    pub fn drop() {}

    #[allow(unused_macros, reason = "it only stands in the way")]
    macro_rules! panic {
        ($($any:tt)*) => {
            compile_error!("the user's `panic!`")
        };
    }
    #[allow(unused_macros, reason = "it only stands in the way")]
    macro_rules! unreachable {
        ($($any:tt)*) => {
            compile_error!("the user's `unreachable!`")
        };
    }
    #[allow(unused_imports, reason = "it only stands in the way")]
    pub(crate) use {panic, unreachable};

    pub async fn run() -> u8 {
        let mut count = 0;
        'outer: loop {
            count += 1;
            let _ = ::async_with::async_with!(Plain, Fallible as _value, Plain => {
                ::async_with::async_with!(Plain => {
                    match count {
                        1 => continue 'outer,
                        2 => break 'outer,
                        _ => return 0,
                    }
                });
            });
        }
        ::async_with::async_with!(Plain => { count })
    }

    #[::async_with::scoped]
    pub async fn run_scoped() -> u8 {
        let mut count = 0;
        'outer: loop {
            #[enter]
            let () = Plain;
            count += 1;
            #[enter]
            let () = Plain;
            match count {
                1 => continue 'outer,
                2 => break 'outer,
                _ => return 0,
            }
        }
        #[enter]
        let () = Plain;
        count
    }

    pub fn run_sync(manager: crate::common::log::Recorder<crate::common::log::Failure>) -> u8 {
        let mut count = 1;
        let _ = ::async_with::with!(manager => { count += 1 });
        count
    }
}

#[tokio::test]
async fn types_macros_and_modules_of_the_user_may_have_the_names_of_the_prelude() {
    assert_eq!(shadowed::run().await, 2);
    assert_eq!(shadowed::run_scoped().await, 2);
    assert_eq!(shadowed::run_sync(Log::default().unsure("a")), 2);
}

mod core {}
mod std {}

mod in_macros {
    use super::{Failure, Log, Plain, async_with, with};

    macro_rules! logged {
        ($manager:expr, $body:expr) => {
            async_with!($manager => { $body })
        };
        ($manager:expr, $name:ident, $body:block) => {
            async_with!($manager as $name => $body)
        };
    }

    macro_rules! tokens {
        ($manager:expr => { $($body:tt)* }) => {
            async_with!($manager, { $($body)* })
        };
    }

    macro_rules! own_name {
        ($manager:expr, $body:expr) => {{
            let scope = 100;
            async_with!($manager as value => { *value + scope + $body })
        }};
    }

    macro_rules! leaves {
        ($manager:expr, $value:expr) => {
            async_with!($manager => { return $value })
        };
    }

    #[tokio::test]
    async fn expressions_and_blocks_are_passed_on() {
        let log = Log::default();
        assert_eq!(logged!(log.sure("a"), 1 + 1), 2);
        let sum = logged!(log.sure("a").value(3), number, {
            *number += 1;
            *number
        });
        assert_eq!(sum, 4);
        assert_eq!(tokens!(log.sure("a") => { let x = 5; x + 1 }), 6);
        let (scope, value) = (1, 2);
        assert_eq!(own_name!(log.sure("a").value(10), scope + value), 113);
    }

    #[tokio::test]
    async fn they_may_leave_the_function_and_the_loop() {
        async fn question_mark(log: &Log, result: Result<u8, Failure>) -> Result<u8, Failure> {
            Ok(logged!(log.sure("a"), result? + 1))
        }

        async fn returns(log: &Log) -> u8 {
            leaves!(log.sure("a"), 7)
        }

        let log = Log::default();
        assert_eq!(question_mark(&log, Ok(1)).await, Ok(2));
        assert_eq!(question_mark(&log, Err(Failure("x"))).await, Err(Failure("x")));
        assert_eq!(returns(&log).await, 7);
        log.expect(&[
            "enter a",
            "exit a: completed",
            "enter a",
            "exit a: failed",
            "enter a",
            "exit a: returned",
        ]);
        let mut turns = 0;
        loop {
            turns += 1;
            tokens!(log.sure("b") => {
                if turns < 3 {
                    continue;
                }
                break;
            });
        }
        assert_eq!(turns, 3);
    }

    macro_rules! scoped_function {
        ($name:ident($number:ident), $manager:expr, $body:block) => {
            #[super::scoped]
            async fn $name($number: u32) -> Result<u32, Failure> {
                for turn in 0.. {
                    #[enter]
                    let value = $manager;
                    if turn == 1 {
                        break;
                    }
                    if *value == 7 {
                        continue;
                    }
                    return Ok(*value + $body);
                }
                #[enter]
                let _ = Plain;
                Ok($body)
            }
        };
    }

    scoped_function!(by_macro(number), Log::default().unsure("a").value(number), {
        #[enter]
        let more = Log::default().sure("b").value(number);
        *more + 1
    });

    #[tokio::test]
    async fn a_macro_may_make_a_scoped_function() {
        assert_eq!(by_macro(1).await, Ok(3));
        assert_eq!(by_macro(7).await, Ok(8));
    }

    macro_rules! around {
        ($($body:tt)*) => {
            with!(Log::default().sure("sync") => async { async_with!(Plain => { $($body)* }) })
        };
    }

    #[tokio::test]
    async fn a_macro_may_hold_several_blocks() {
        let value = 3;
        assert_eq!(around!(value + 1), 4);
    }

    #[tokio::test]
    async fn fragments_with_jumps_leave_the_loop() {
        let mut turns = 0;
        let found = loop {
            turns += 1;
            logged!(
                Plain,
                if turns == 2 {
                    break turns;
                }
            );
        };
        assert_eq!(found, 2);
    }
}

#[tokio::test]
async fn lines_in_the_body_are_those_of_the_source() {
    let before = line!();
    let (head, body) = async_with!({ assert_eq!(line!(), before + 1); Plain } => {
        let head = line!();
        (head, line!())
    });
    assert_eq!((head, body), (before + 2, before + 3));
    let before = line!();
    let rewritten = loop {
        async_with!(Plain => {
            async_with!(Plain => {
                break line!();
            });
        });
    };
    assert_eq!(rewritten, before + 4);
    let location = async_with!(Plain => { location() });
    assert_eq!(location, line!() - 1);
    let before = line!();
    let sync = with!(Log::default().sure("a") => {
        line!()
    });
    assert_eq!(sync, before + 2);
}

#[track_caller]
fn location() -> u32 {
    ::std::panic::Location::caller().line()
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
