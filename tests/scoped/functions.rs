//! The functions that may be scoped, and where their futures may go.

use std::fmt::Debug;

use async_with::{AsyncContextManagerExt, LocalAsyncContextManager, Outcome, context, scoped, within};
use tokio::task::yield_now;

use crate::common::log::{Failure, Log};

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
