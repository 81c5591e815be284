//! What may be written in one block: several of them, patterns, names.

use std::convert::Infallible;

use async_with::{AsyncContextManager, from_fn, scoped};
use tokio::task::yield_now;

use crate::common::log::{Failure, Log};

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
