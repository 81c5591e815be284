//! `with!`: the same block over a synchronous manager.

#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod in_async_functions;
mod in_plain_functions;

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use async_with::{ContextManager, Outcome, with};
use futures::FutureExt;

use crate::common::log::{Failure, Log};

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
