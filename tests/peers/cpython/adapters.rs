//! The managers of `contextlib`: those that close, do nothing, or swallow.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use async_with::managers::closing;
use async_with::{AsyncExitStack, async_with, from_fn, ready, settle};
use futures::{StreamExt, poll, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::generator;
use crate::common::log::{Failure, Log};

// CPython: test_contextlib_async.TestAbstractAsyncContextManager.test_enter. No trait has an enter by itself here; managers
// that lend what they are given, or themselves, are there.
#[tokio::test]
async fn a_manager_may_lend_what_it_is_made_of_or_itself() {
    let value = Box::new([0; 64]);
    let address = &raw const *value;
    async_with!(ready(value) as lent => { assert!(std::ptr::eq(&raw const **lent, address)) });
    let stack = AsyncExitStack::<Infallible>::new();
    stack.defer(|_outcome| async {});
    assert_eq!(async_with!(stack as itself => itself.len()), 1);
}

// CPython: TestAbstractAsyncContextManager.test_async_gen_propagates_generator_exit.
#[tokio::test]
async fn a_stream_dropped_early_ends_the_block_inside() {
    let log = Log::default();
    let mut stream = generator(&log);
    assert_eq!(stream.next().await, Some(12));
    log.expect(&["enter a"]);
    drop(stream);
    settle().await;
    log.expect(&["exit a: cancelled"]);
}

/// A block over one end of a pipe, and whether the other end was still open in it.
async fn write_and(body: io::Result<()>) -> (io::Result<()>, DuplexStream) {
    async fn block(near: DuplexStream, far: &mut DuplexStream, body: io::Result<()>) -> io::Result<()> {
        async_with!(closing(near) as writer => {
            writer.write_all(b"x").await?;
            assert_eq!(far.read(&mut [0]).await?, 1);
            assert!(poll!(Box::pin(far.read(&mut [0]))).is_pending(), "it is open");
            body?;
        })
    }

    let (near, mut far) = duplex(8);
    (block(near, &mut far, body).await, far)
}

// CPython: AclosingTestCase.test_aclosing.
#[tokio::test]
async fn what_is_to_be_closed_is_lent_and_closed_after_the_block() {
    let (ended, mut far) = write_and(Ok(())).await;
    ended.unwrap();
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "it is closed");
}

// CPython: AclosingTestCase.test_aclosing_error.
#[tokio::test]
async fn what_is_to_be_closed_is_closed_after_a_failure_too() {
    let (ended, mut far) = write_and(Err(io::Error::other("division by zero"))).await;
    assert_eq!(ended.unwrap_err().to_string(), "division by zero");
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "it is closed");
}

// CPython: AclosingTestCase.test_aclosing_bpo41229.
#[tokio::test]
async fn a_stream_left_half_way_runs_the_guard_inside_before_the_block_has_ended() {
    async fn run(log: &Log) -> Result<(), Failure> {
        let guard = log.on_drop("guard in the stream");
        let stream = stream::unfold((1, guard), |(n, guard)| async move { Some((-n, (n + 1, guard))) });
        let exit = log.clone();
        let closing = from_fn(
            || async { Ok::<_, Infallible>(stream.boxed()) },
            |stream, outcome| async move {
                drop(stream);
                exit.add(format!("closed: {outcome}"));
            },
        );
        async_with!(closing as stream => {
            assert_eq!(stream.next().await, Some(-1));
            Err(Failure("division by zero"))?
        });
        Ok(())
    }

    let log = Log::default();
    assert_eq!(run(&log).await, Err(Failure("division by zero")));
    log.expect(&["guard in the stream", "closed: failed"]);
}

// CPython: TestAsyncNullcontext.test_async_nullcontext.
#[tokio::test]
async fn a_manager_that_does_nothing_lends_what_it_was_given() {
    let c = Arc::new(());
    async_with!(ready(Arc::clone(&c)) as lent => { assert!(Arc::ptr_eq(&c, lent)) });
    assert_eq!(Arc::strong_count(&c), 1);
}

mod suppress {
    use std::error::Error;
    use std::num::{IntErrorKind, ParseIntError};

    use async_with::async_with;

    use super::super::Swallow;
    use super::{Failure, Log};

    type Boxed = Box<dyn Error + Send + Sync>;

    /// A block over a manager that swallows some errors; what became of the body's.
    async fn came<T>(manager: &Swallow, body: Result<T, Boxed>) -> Result<Option<T>, Boxed> {
        let value = async_with!(manager.clone() => { body? });
        Ok(value)
    }

    fn meant_for(is_meant: fn(&(dyn Error + 'static)) -> bool) -> Swallow {
        Swallow::new(&Log::default(), "suppress", is_meant)
    }

    fn not_a_number() -> Boxed {
        "Hello".parse::<u32>().unwrap_err().into()
    }

    // CPython: test_contextlib.TestSuppress.test_no_exception.
    #[tokio::test]
    async fn without_a_failure_the_value_comes_out() {
        assert_eq!(came(&meant_for(|_error| true), Ok(2_u32.pow(5))).await.unwrap(), Some(32));
    }

    // CPython: TestSuppress.test_exact_exception.
    #[tokio::test]
    async fn an_error_of_the_type_is_swallowed() {
        let manager = meant_for(<dyn Error>::is::<ParseIntError>);
        assert_eq!(came::<()>(&manager, Err(not_a_number())).await.unwrap(), None);
    }

    // CPython: TestSuppress.test_exception_hierarchy. Rust's hierarchies are enums.
    #[tokio::test]
    async fn an_error_of_a_kind_is_swallowed() {
        fn is_empty(error: &(dyn Error + 'static)) -> bool {
            let error = error.downcast_ref::<ParseIntError>();
            error.is_some_and(|error| matches!(error.kind(), IntErrorKind::Empty | IntErrorKind::Zero))
        }

        let empty = "".parse::<u32>().unwrap_err().into();
        assert_eq!(came::<()>(&meant_for(is_empty), Err(empty)).await.unwrap(), None);
        let left = came::<()>(&meant_for(is_empty), Err(not_a_number())).await.unwrap_err();
        assert!(left.is::<ParseIntError>());
    }

    // CPython: TestSuppress.test_other_exception.
    #[tokio::test]
    async fn an_error_of_another_type_leaves() {
        let manager = meant_for(<dyn Error>::is::<ParseIntError>);
        let left = came::<()>(&manager, Err(Failure("division by zero").into())).await.unwrap_err();
        assert_eq!(left.downcast_ref(), Some(&Failure("division by zero")));
    }

    // CPython: TestSuppress.test_no_args.
    #[tokio::test]
    async fn a_manager_meant_for_nothing_swallows_nothing() {
        assert!(came::<()>(&meant_for(|_error| false), Err(not_a_number())).await.is_err());
    }

    // CPython: TestSuppress.test_multiple_exception_args.
    #[tokio::test]
    async fn errors_of_several_types_are_swallowed() {
        let manager = meant_for(|error| error.is::<ParseIntError>() || error.is::<Failure>());
        assert_eq!(came::<()>(&manager, Err(not_a_number())).await.unwrap(), None);
        assert_eq!(came::<()>(&manager, Err(Failure("").into())).await.unwrap(), None);
        assert!(came::<()>(&manager, Err("another".into())).await.is_err());
    }

    // CPython: TestSuppress.test_cm_is_reentrant. A block takes its manager here; a clone is another one.
    #[tokio::test]
    async fn clones_may_be_entered_one_after_the_other_and_in_each_other() {
        async fn nested(log: &Log, ignore: &Swallow) -> Result<&'static str, Boxed> {
            let outer: Option<()> = async_with!(ignore.clone() => {
                let inner: Option<u32> = async_with!(ignore.clone() => { Err(not_a_number())? });
                assert_eq!(inner, None);
                log.add("outer continued");
                Err(Failure("division by zero"))?
            });
            assert_eq!(outer, None);
            Ok("after")
        }

        let log = Log::default();
        let ignore = meant_for(|_error| true);
        assert_eq!(came(&ignore, Ok(())).await.unwrap(), Some(()));
        assert_eq!(came::<()>(&ignore, Err(not_a_number())).await.unwrap(), None);
        assert_eq!(nested(&log, &ignore).await.unwrap(), "after");
        log.expect(&["outer continued"]);
    }

    /// Several errors as one.
    #[derive(Debug, thiserror::Error)]
    #[error("{} errors", .0.len())]
    struct Group(Vec<Failure>);

    // CPython: TestSuppress.test_exception_groups. There the part that is not meant leaves; here a failure is swallowed whole
    // or leaves whole.
    #[tokio::test]
    async fn a_group_is_swallowed_if_all_in_it_may_be_and_leaves_whole_otherwise() {
        let manager = meant_for(|error| {
            let group = error.downcast_ref::<Group>();
            group.is_some_and(|Group(all)| all.iter().all(|error| *error == Failure("value")))
        });
        let all = Group(vec![Failure("value"), Failure("value")]);
        assert_eq!(came::<()>(&manager, Err(all.into())).await.unwrap(), None);
        let some = Group(vec![Failure("value"), Failure("type")]);
        let left = came::<()>(&manager, Err(some.into())).await.unwrap_err();
        let Group(left) = left.downcast_ref().expect("it is the same");
        assert_eq!(left, &[Failure("value"), Failure("type")]);
    }
}
