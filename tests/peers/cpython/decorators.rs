//! Managers around a whole function: decorators there, `#[within]` here.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_with::{AsyncContextManager, async_with, context, within};

use crate::common::Plain;
use crate::common::log::{Failure, Log};

// What a decorator does not pass on in CPython it would hide; here the lints find it, or it does not compile.
mod kept {
    use super::{Plain, within};

    /// Whee!
    #[within(Plain)]
    #[deprecated = "so that its use is a lint"]
    #[must_use]
    pub(super) async fn baz<const N: usize, T: Copy>(spam: [T; N]) -> T {
        spam[N - 1]
    }
}

// CPython: test_contextlib_async.AsyncContextManagerTestCase.test_contextmanager_attribs, test_contextmanager_doc_attrib,
// test_instance_docstring_given_cm_docstring. Where the docs go is in the snapshots of async-with-macros.
#[tokio::test]
async fn a_function_keeps_its_name_attributes_visibility_and_generics() {
    #[expect(deprecated, reason = "it is")]
    async fn result() -> u8 {
        kept::baz([1, 2, 3]).await
    }

    #[expect(deprecated, unused_must_use, reason = "it is, and it must")]
    async fn no_result() {
        kept::baz(["a"]).await;
    }

    assert_eq!(result().await, 3);
    no_result().await;
}

fn lend<V: Send + 'static>(value: V) -> impl AsyncContextManager<Value = V, Error = Infallible> {
    async_with::ready(value)
}

// CPython: AsyncContextManagerTestCase.test_keywords: no name that a user may give to a parameter is taken.
#[tokio::test]
async fn parameters_may_have_the_names_of_what_is_inside() {
    fn woohoo(
        this: u32,
        func: u32,
        args: u32,
        kwds: u32,
    ) -> impl AsyncContextManager<Value = [u32; 4], Error = Infallible> {
        context(move |body| async move {
            let (_value, done) = body.run([this, func, args, kwds]).await;
            Ok(done)
        })
    }

    #[within(lend(manager + value) as bound)]
    async fn within(manager: u32, value: u32, outcome: u32, scope: u32, body: u32, result: u32) -> [u32; 7] {
        [*bound, manager, value, outcome, scope, body, result]
    }

    async_with!(woohoo(11, 22, 33, 44) as target => { assert_eq!(*target, [11, 22, 33, 44]) });
    assert_eq!(within(1, 2, 3, 4, 5, 6).await, [3, 1, 2, 3, 4, 5, 6]);
}

/// Counts how deep it is and how often it was entered.
#[derive(Default)]
struct Counts {
    depth: AtomicU32,
    entered: AtomicU32,
}

fn counting(counts: &Arc<Counts>) -> impl AsyncContextManager<Value = (), Error = Infallible> + use<> {
    let counts = Arc::clone(counts);
    context(|body| async move {
        counts.entered.fetch_add(1, Ordering::Relaxed);
        let before = counts.depth.fetch_add(1, Ordering::Relaxed);
        let ((), done) = body.run(()).await;
        assert_eq!(counts.depth.fetch_sub(1, Ordering::Relaxed), before + 1);
        Ok(done)
    })
}

// CPython: AsyncContextManagerTestCase.test_recursive.
#[tokio::test]
async fn a_recursive_function_has_a_manager_of_its_own_at_each_call() {
    #[within(counting(counts))]
    async fn recursive(counts: &Arc<Counts>) {
        if counts.depth.load(Ordering::Relaxed) < 10 {
            Box::pin(recursive(counts)).await;
        }
    }

    let counts = Arc::default();
    recursive(&counts).await;
    assert_eq!(counts.entered.load(Ordering::Relaxed), 10);
    assert_eq!(counts.depth.load(Ordering::Relaxed), 0);
}

/// Notes whether it is entered.
fn noting(entered: &Arc<AtomicBool>) -> impl AsyncContextManager<Value = (), Error = Infallible> + use<> {
    let entered = Arc::clone(entered);
    context(|body| async move {
        entered.store(true, Ordering::Relaxed);
        let ((), done) = body.run(()).await;
        entered.store(false, Ordering::Relaxed);
        Ok(done)
    })
}

// CPython: AsyncContextManagerTestCase.test_decorator.
#[tokio::test]
async fn the_manager_is_entered_while_the_function_runs() {
    #[within(noting(entered))]
    async fn test(entered: &Arc<AtomicBool>) -> bool {
        entered.load(Ordering::Relaxed)
    }

    let entered = Arc::default();
    for _ in 0..2 {
        let call = test(&entered);
        assert!(!entered.load(Ordering::Relaxed), "calling it enters nothing");
        assert!(call.await);
        assert!(!entered.load(Ordering::Relaxed));
    }
}

// CPython: AsyncContextManagerTestCase.test_decorator_with_exception.
#[tokio::test]
async fn a_failure_of_the_function_leaves_after_the_exit() {
    #[within(log.unsure("a"), noting(entered))]
    async fn test(log: &Log, entered: &Arc<AtomicBool>) -> Result<(), Failure> {
        assert!(entered.load(Ordering::Relaxed));
        Err(Failure("foo"))
    }

    let (log, entered) = (Log::default(), Arc::default());
    assert_eq!(test(&log, &entered).await, Err(Failure("foo")));
    assert!(!entered.load(Ordering::Relaxed));
    log.expect(&["enter a", "exit a: failed"]);
}

// CPython: AsyncContextManagerTestCase.test_decorating_method.
#[tokio::test]
async fn a_method_gets_its_receiver_and_all_its_arguments() {
    #[derive(Debug, Default, PartialEq)]
    struct Test {
        a: u32,
        b: &'static str,
        c: Option<u32>,
    }

    impl Test {
        #[within(Plain)]
        async fn method(&mut self, a: u32, b: &'static str, c: Option<u32>) {
            (self.a, self.b, self.c) = (a, b, c);
        }
    }

    let mut test = Test::default();
    test.method(1, "2", None).await;
    assert_eq!(test, Test { a: 1, b: "2", c: None });
    test.method(3, "4", Some(5)).await;
    assert_eq!(test, Test { a: 3, b: "4", c: Some(5) });
}
