//! `with!`: the same block over a synchronous manager.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use async_with::{ContextManager, Outcome, async_with, with};
use futures::FutureExt;

use crate::common::log::{Failure, Log, LostErrors};

mod in_plain_functions {
    use super::{AssertUnwindSafe, Failure, Log, LostErrors, Outcome, catch_unwind, with};

    #[test]
    fn the_value_is_that_of_the_body() {
        let log = Log::default();
        assert_eq!(with!(log.sure("a").value(2) as a => { *a + 1 }), 3);
        assert_eq!(with!(log.unsure("b").value(3) as b => *b), Ok(3));
        with!(log.sure("c"), {});
        log.expect(&[
            "enter a",
            "exit a: completed",
            "enter b",
            "exit b: completed",
            "enter c",
            "exit c: completed",
        ]);
    }

    fn leave(log: &Log, how: &str) -> Result<&'static str, Failure> {
        for _ in 0..1 {
            with!(log.unsure("a") => {
                let _local = log.on_drop("drop local");
                match how {
                    "return" => return Ok("returned"),
                    "return err" => return Err(Failure("err")),
                    "?" => Err(Failure("question mark"))?,
                    "break" => break,
                    "continue" => continue,
                    _ => {}
                }
            })?;
            log.add("after");
        }
        Ok("fell through")
    }

    #[test]
    fn each_way_out_runs_the_exit_once_and_tells_it_which() {
        let log = Log::default();
        assert_eq!(leave(&log, "end"), Ok("fell through"));
        log.expect(&["enter a", "drop local", "exit a: completed", "after"]);
        for (how, result, told) in [
            ("return", Ok("returned"), "returned"),
            ("return err", Err(Failure("err")), "failed"),
            ("?", Err(Failure("question mark")), "failed"),
            ("break", Ok("fell through"), "broke"),
            ("continue", Ok("fell through"), "continued"),
        ] {
            assert_eq!(leave(&log, how), result);
            log.expect(&["enter a", "drop local", &format!("exit a: {told}")]);
        }
    }

    #[test]
    fn jumps_cross_nested_blocks_and_carry_values() {
        let log = Log::default();
        let found = 'search: {
            for x in 1.. {
                with!(log.sure("a") => {
                    with!(log.sure("b"), log.sure("c") => {
                        if x == 2 {
                            break 'search x * 10;
                        }
                    });
                });
            }
            unreachable!()
        };
        assert_eq!(found, 20);
        let turn = |told: &str| {
            let exit = |name| format!("exit {name}: {told}");
            let enter = |name| format!("enter {name}");
            [enter("a"), enter("b"), enter("c"), exit("c"), exit("b"), exit("a")]
        };
        let all = [turn("completed"), turn("broke")].concat();
        log.expect(&all.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn closures_and_options_are_left() {
        let log = Log::default();
        let closure = |input: Option<u32>| -> Option<u32> { with!(log.sure("a") => { Some(input? + 1) }) };
        assert_eq!((closure(Some(1)), closure(None)), (Some(2), None));
        log.expect(&["enter a", "exit a: completed", "enter a", "exit a: returned"]);
    }

    #[test]
    fn questions_hidden_in_macros_leave_the_function() {
        fn run(log: &Log, text: &str) -> anyhow::Result<String> {
            with!(log.sure("a") => {
                let text = format!("{}", text.parse::<u8>()?);
                if text == "1" {
                    anyhow::bail!("one");
                }
                Ok(text)
            })
        }

        let log = Log::default();
        assert!(run(&log, "x").is_err());
        assert_eq!(run(&log, "1").unwrap_err().to_string(), "one");
        assert_eq!(run(&log, "2").unwrap(), "2");
        log.expect(&[
            "enter a",
            "exit a: failed",
            "enter a",
            "exit a: failed",
            "enter a",
            "exit a: completed",
        ]);
    }

    #[test]
    fn a_failing_enter_or_exit_is_the_value() {
        let log = Log::default();
        assert_eq!(with!(log.unsure("a").enter_fails(Failure("enter")) => {}), Err(Failure("enter")));
        assert_eq!(with!(log.unsure("b").exit_fails(Failure("exit")) => { 1 }), Err(Failure("exit")));
        assert_eq!(
            with!(log.sure("c"), log.unsure("d").enter_fails(Failure("d")) => { 1 }),
            Err(Failure("d"))
        );
        log.expect(&["enter a", "enter b", "exit b: completed", "enter c", "enter d", "exit c: failed"]);
    }

    #[test]
    fn a_failing_exit_takes_the_way_out_back() {
        fn run(log: &Log) -> Result<u8, Failure> {
            with!(log.unsure("a").exit_fails(Failure("exit")) => { return Ok(1) })?;
            Ok(2)
        }

        assert_eq!(run(&Log::default()), Err(Failure("exit")));
    }

    // test262: staging/explicit-resource-management/exception-handling, the synchronous twin.
    #[test]
    fn when_both_fail_the_bodys_failure_leaves_and_the_exits_goes_to_the_hook() {
        fn run() -> Result<u8, Failure> {
            with!(Log::default().unsure("a").exit_fails(Failure("sync exit")) => { Err(Failure("body"))? })
        }

        let lost = LostErrors::with("sync exit");
        let line = line!() - 4;
        assert_eq!(run(), Err(Failure("body")));
        let all = lost.all();
        assert_eq!((all.len(), all[0].line, all[0].outcome), (1, line, Outcome::Failed));
    }

    #[test]
    fn a_panic_goes_on_after_the_exits() {
        let log = Log::default();
        let panics = catch_unwind(AssertUnwindSafe(|| {
            with!(log.sure("a"), log.sure("b") => { panic!("body") });
        }));
        assert_eq!(panics.unwrap_err().downcast_ref(), Some(&"body"));
        log.expect(&["enter a", "enter b", "exit b: panicked", "exit a: panicked"]);
    }
}

struct Local(Rc<str>);

impl ContextManager for Local {
    type Value = Rc<str>;
    type Error = std::convert::Infallible;

    fn enter(&mut self) -> Result<Rc<str>, Self::Error> {
        Ok(Rc::clone(&self.0))
    }

    fn exit(self, value: Rc<str>, outcome: Outcome) -> Result<(), Self::Error> {
        assert_eq!((&*value, outcome), ("local", Outcome::Completed));
        Ok(())
    }
}

#[test]
fn a_manager_may_borrow_or_be_confined_to_its_thread() {
    struct Push<'a>(&'a mut Vec<u8>);

    impl<'a> ContextManager for Push<'a> {
        type Value = Vec<u8>;
        type Error = std::convert::Infallible;

        fn enter(&mut self) -> Result<Vec<u8>, Self::Error> {
            Ok(Vec::new())
        }

        fn exit(self, value: Vec<u8>, _outcome: Outcome) -> Result<(), Self::Error> {
            let Push::<'a>(list) = self;
            list.extend(value);
            Ok(())
        }
    }

    let length = with!(Local("local".into()) as text => { text.len() });
    assert_eq!(length, 5);
    let mut list = vec![1];
    with!(Push(&mut list) as more => { more.push(2) });
    assert_eq!(list, [1, 2]);
}

mod in_async_functions {
    use super::{AssertUnwindSafe, Failure, FutureExt, Log, LostErrors, Outcome, async_with, pending, with};

    // test262: await-using/initializer-Symbol.dispose-called-at-end-of-block, mixed-call-dispose-methods.
    #[tokio::test]
    async fn synchronous_and_asynchronous_blocks_nest_either_way() {
        async fn run(log: &Log) -> Result<u8, Failure> {
            async_with!(log.sure("a") => {
                with!(log.sure("b") => {
                    log.add("in b");
                });
                with!(log.sure("c") => async {
                    async_with!(log.sure("d") => { return Ok(1); })
                })
            })
        }

        let log = Log::default();
        assert_eq!(run(&log).await, Ok(1));
        log.expect(&[
            "enter a",
            "enter b",
            "in b",
            "exit b: completed",
            "enter c",
            "enter d",
            "exit d: returned",
            "exit c: returned",
            "exit a: returned",
        ]);
    }

    async fn leave(log: &Log, how: &str) -> Result<&'static str, Failure> {
        for _ in 0..1 {
            with!(log.sure("a") as a, log.unsure("b") => async {
                tokio::task::yield_now().await;
                *a += 1;
                match how {
                    "return" => return Ok("returned"),
                    "?" => Err(Failure("question mark"))?,
                    "break" => break,
                    "continue" => continue,
                    _ => {}
                }
                tokio::task::yield_now().await;
            })?;
            log.add("after");
        }
        Ok("fell through")
    }

    #[tokio::test]
    async fn a_body_that_awaits_leaves_in_each_way() {
        let log = Log::default();
        assert_eq!(leave(&log, "end").await, Ok("fell through"));
        log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed", "after"]);
        for (how, result, told) in [
            ("return", Ok("returned"), "returned"),
            ("?", Err(Failure("question mark")), "failed"),
            ("break", Ok("fell through"), "broke"),
            ("continue", Ok("fell through"), "continued"),
        ] {
            assert_eq!(leave(&log, how).await, result);
            log.expect(&["enter a", "enter b", &format!("exit b: {told}"), &format!("exit a: {told}")]);
        }
    }

    #[tokio::test]
    async fn the_body_that_awaits_gives_a_value() {
        let log = Log::default();
        let value = with!(log.sure("a").value(1) as a => async {
            tokio::task::yield_now().await;
            *a + 1
        });
        assert_eq!(value, 2);
    }

    #[tokio::test]
    async fn dropped_while_awaiting_the_exits_run_in_the_drop() {
        let log = Log::default();
        let mut block = Box::pin(async {
            with!(log.sure("a"), log.sure("b") => async {
                let _local = log.on_drop("drop local");
                with!(log.sure("c") => async { pending::<()>().await });
            });
        });
        assert!(block.as_mut().now_or_never().is_none());
        log.expect(&["enter a", "enter b", "enter c"]);
        drop(block);
        let (a, b, c) = ("exit a: cancelled", "exit b: cancelled", "exit c: cancelled");
        log.expect(&[c, "drop local", b, a]);
    }

    #[tokio::test]
    async fn the_error_of_an_exit_in_a_drop_goes_to_the_hook() {
        let lost = LostErrors::with("exit in a drop");
        let manager = Log::default().unsure("a").exit_fails(Failure("exit in a drop"));
        let block = async { with!(manager => async { pending::<()>().await }) };
        assert!(block.now_or_never().is_none());
        let all = lost.all();
        assert_eq!((all.len(), all[0].outcome), (1, Outcome::Cancelled));
    }

    #[tokio::test]
    async fn never_polled_nothing_happens() {
        let log = Log::default();
        drop(async { with!(log.sure("a") => async { pending::<()>().await }) });
        log.expect(&[]);
    }

    #[tokio::test]
    async fn a_panic_of_a_body_that_awaits_goes_on_after_the_exit() {
        let log = Log::default();
        let block = AssertUnwindSafe(async {
            with!(log.sure("a") => async {
                tokio::task::yield_now().await;
                panic!("body");
            });
        });
        let payload = block.catch_unwind().await.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"body"));
        log.expect(&["enter a", "exit a: panicked"]);
    }

    #[tokio::test]
    async fn the_exit_waits_for_a_detached_exit_of_a_block_in_the_body() {
        let log = Log::default();
        with!(log.sure("outer") => async {
            // Its exit is handed to this test's own runtime, which has no turn before something is awaited.
            let mut inner = Box::pin(async { async_with!(log.sure("inner") => { pending::<()>().await }) });
            assert!(futures::poll!(&mut inner).is_pending());
            drop(inner);
            log.add("body");
        });
        log.expect(&["enter outer", "enter inner", "body", "exit inner: cancelled", "exit outer: completed"]);
    }

    #[tokio::test]
    async fn an_asynchronous_block_exits_before_the_synchronous_one_around_it() {
        let log = Log::default();
        let value = with!(log.sure("sync") => async {
            async_with!(log.sure("async").waits(1) => { 1 })
        });
        assert_eq!(value, 1);
        log.expect(&[
            "enter sync",
            "enter async",
            "async waited 1",
            "exit async: completed",
            "async waited 1",
            "exit sync: completed",
        ]);
    }
}

/// Bodies without `async` in which something else awaits.
#[tokio::test]
async fn what_awaits_in_its_own_name_may_stand_in_a_plain_body() {
    let log = Log::default();
    let (future, closure) = with!(log.sure("a") => {
        async fn twice(number: u8, times: u8) -> Result<u8, Failure> {
            tokio::task::yield_now().await;
            Ok(number * times)
        }
        let closure = async |number: u8, times: u8| {
            tokio::task::yield_now().await;
            number * times
        };
        (async { twice(2, 2).await }, closure)
    });
    assert_eq!(future.await, Ok(4));
    assert_eq!(closure(3, 2).await, 6);
}

macro_rules! awaited {
    ($future:expr) => {
        $future.await
    };
}

#[tokio::test]
async fn a_plain_body_that_awaits_hidden_in_a_macro_panics_after_its_exit() {
    let log = Log::default();
    let block = async {
        with!(log.sure("a") => {
            awaited!(pending::<()>());
        });
    };
    let payload = AssertUnwindSafe(block).catch_unwind().await.unwrap_err();
    let message = payload.downcast_ref::<&str>().unwrap();
    assert!(message.contains("write `with!(manager => async { … })`"), "{message}");
    log.expect(&["enter a", "exit a: panicked"]);
}
