//! Where an `#[enter] let` may stand, and what may stand around and behind it.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::fmt::Debug;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, LocalAsyncContextManager, Outcome, async_with, context,
    from_fn, scoped, with, within,
};
use tokio::task::yield_now;

use crate::common::log::{Failure, Log};

// In one block.

#[scoped]
async fn several(log: &Log, text: &str) -> Result<u32, Failure> {
    #[enter]
    let a = log.unsure("a").value(1);
    *a += 1;
    #[enter]
    let mut b = log.unsure("b").value(*a + parsed(text).await?);
    if *b > 10 {
        b = a;
    }
    #[enter]
    let _c = log.sure("c");
    *b += 1;
    Ok(*b)
}

async fn parsed(text: &str) -> Result<u32, Failure> {
    yield_now().await;
    text.parse().map_err(|_| Failure("not a number"))
}

#[tokio::test]
async fn those_of_one_block_are_entered_in_order_and_exited_in_reverse() {
    let log = Log::default();
    assert_eq!(several(&log, "5").await, Ok(8));
    log.expect(&[
        "enter a",
        "enter b",
        "enter c",
        "exit c: completed",
        "exit b: completed",
        "exit a: completed",
    ]);
    assert_eq!(several(&log, "50").await, Ok(3));
}

#[tokio::test]
async fn a_manager_expression_that_leaves_the_function_exits_those_before_it() {
    let log = Log::default();
    assert_eq!(several(&log, "five").await, Err(Failure("not a number")));
    log.expect(&["enter a", "exit a: failed"]);
}

#[tokio::test]
async fn the_block_may_end_with_it() {
    #[scoped]
    async fn last(log: &Log) {
        {
            #[enter]
            let _ = log.sure("a");
        }
        log.add("between");
        #[enter]
        let _b = log.sure("b");
    }
    let log = Log::default();
    last(&log).await;
    log.expect(&["enter a", "exit a: completed", "between", "enter b", "exit b: completed"]);
}

/// Gives two values.
fn pair(log: &Log) -> impl AsyncContextManager<Value = (String, [u8; 3]), Error = Infallible> + use<> {
    let log = log.clone();
    from_fn(
        async || Ok(("pair".to_owned(), [1, 2, 3])),
        async move |_, outcome| {
            log.add(format!("exit pair: {outcome}"));
            Ok(())
        },
    )
}

#[tokio::test]
async fn the_pattern_may_be_any_that_always_matches_and_have_a_type() {
    #[scoped]
    async fn patterns(log: &Log) -> usize {
        #[enter]
        let (text, [first, ..]) = pair(log);
        text.push('s');
        #[enter]
        let whole: &mut (String, [u8; 3]) = pair(log);
        #[enter]
        #[allow(unused_variables, reason = "that is what is tested")]
        let unused = log.sure("a");
        #[expect(unused_mut, reason = "that is what is tested")]
        #[enter]
        let mut unchanged = log.sure("b");
        text.len() + usize::from(*first) + whole.0.len() + *unchanged as usize
    }
    assert_eq!(patterns(&Log::default()).await, 10);
}

#[tokio::test]
async fn a_name_may_be_used_again() {
    #[scoped]
    async fn shadowed(log: &Log) -> u32 {
        let a = 5;
        #[enter]
        let a = log.sure("a").value(a);
        #[enter]
        let a = log.sure("b").value(*a + 1);
        *a
    }
    assert_eq!(shadowed(&Log::default()).await, 6);
}

#[tokio::test]
async fn the_attribute_may_be_written_with_a_path() {
    #[async_with::scoped]
    async fn path(log: &Log) {
        #[async_with::enter]
        let _ = log.sure("a");
        log.add("body");
    }
    let log = Log::default();
    path(&log).await;
    log.expect(&["enter a", "body", "exit a: completed"]);
}

// In other blocks.

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

// On other functions.

#[tokio::test]
async fn methods_generic_functions_and_those_of_traits_are_scoped_too() {
    trait Measures {
        fn log(&self) -> &Log;

        #[allow(async_fn_in_trait, reason = "private")]
        #[scoped]
        async fn measure<T: Debug + ?Sized>(&mut self, value: &T) -> usize {
            #[enter]
            let _ = self.log().sure("a");
            format!("{value:?}").len()
        }
    }
    struct Test(Log);
    impl Measures for Test {
        fn log(&self) -> &Log {
            &self.0
        }
    }
    impl Test {
        #[scoped]
        async fn method<'a>(&'a mut self, text: &'a str) -> &'a str {
            #[enter]
            let _ = self.0.sure("b");
            self.0.add("body");
            text
        }
    }
    let log = Log::default();
    let mut test = Test(log.clone());
    assert_eq!(test.measure("four").await, 6);
    assert_eq!(test.method("text").await, "text");
    log.expect(&["enter a", "exit a: completed", "enter b", "body", "exit b: completed"]);
}

#[async_trait::async_trait]
trait Boxed {
    async fn run(&self, log: &Log) -> Result<u32, Failure>;
}

struct Boxes;

#[async_trait::async_trait]
impl Boxed for Boxes {
    #[scoped]
    async fn run(&self, log: &Log) -> Result<u32, Failure> {
        #[enter]
        let a = log.unsure("a").value(1);
        Ok(*a)
    }
}

#[tokio::test]
async fn a_function_that_async_trait_has_boxed_is_scoped() {
    let log = Log::default();
    assert_eq!(Boxes.run(&log).await, Ok(1));
    log.expect(&["enter a", "exit a: completed"]);
}

#[tokio::test]
async fn it_goes_with_the_attribute_within_on_either_side() {
    #[within(log.unsure("outer"))]
    #[scoped]
    async fn above(log: &Log) -> Result<u32, Failure> {
        #[enter]
        let a = log.sure("a").value(1);
        Ok(*a)
    }
    #[scoped]
    #[within(log.unsure("outer"))]
    async fn below(log: &Log) -> Result<u32, Failure> {
        #[enter]
        let a = log.sure("a").value(2);
        Ok(*a)
    }
    let log = Log::default();
    let lines = ["enter outer", "enter a", "exit a: completed", "exit outer: completed"];
    assert_eq!(above(&log).await, Ok(1));
    log.expect(&lines);
    assert_eq!(below(&log).await, Ok(2));
    log.expect(&lines);
}

#[scoped]
#[tokio::test]
async fn a_test_itself_is_scoped() {
    let log = Log::default();
    #[enter]
    let _ = log.sure("a");
    assert!(log.has("enter a"));
}

// What is sent to other threads.

#[tokio::test]
async fn a_future_with_borrowing_managers_is_send() {
    struct Borrows<'a>(&'a Log);
    impl LocalAsyncContextManager for Borrows<'_> {
        type Value = ();
        type Error = Failure;

        async fn enter(&mut self) -> Result<(), Failure> {
            self.0.add("enter");
            Ok(())
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Failure> {
            self.0.add(format!("exit: {outcome}"));
            Ok(())
        }
    }
    #[scoped]
    async fn borrows(log: Log) -> Result<(), Failure> {
        for _ in 0..2 {
            #[enter]
            let () = Borrows(&log);
            yield_now().await;
        }
        Ok(())
    }
    let log = Log::default();
    tokio::spawn(borrows(log.clone())).await.unwrap().unwrap();
    log.expect(&["enter", "exit: completed", "enter", "exit: completed"]);
}

#[tokio::test]
async fn a_manager_may_be_one_function() {
    #[scoped]
    async fn made(log: &Log) -> Result<u32, Failure> {
        let inner = log.clone();
        #[enter]
        let value = context(async move |body| {
            inner.add("before");
            let (_five, done) = body.run(5_u32).await;
            inner.add("after");
            Ok::<_, Failure>(done)
        });
        #[enter]
        let _ = log.sure("b").boxed();
        Ok(*value)
    }
    let log = Log::default();
    assert_eq!(made(&log).await, Ok(5));
    log.expect(&["before", "enter b", "exit b: completed", "after"]);
}
