//! What is bound, and to what it may be bound.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome, async_with, from_fn, ready};
use tokio::sync::{Barrier, Mutex, RwLock, Semaphore};

use crate::common::log::{Failure, Log};
use crate::common::trace::yield_once;

// CPython: test_with.NestedWith.testEnterReturnsTuple.
#[tokio::test]
async fn tuples_from_two_enters_are_taken_apart() {
    let bound = async_with!(ready((1, 2)) as (a1, a2), ready((10, 20)) as (b1, b2) => {
        (*a1, *a2, *b1, *b2)
    });
    assert_eq!(bound, (1, 2, 10, 20));
}

// CPython: test_with.FailureTestCase.testEnterThrows.
#[tokio::test]
async fn an_enter_that_fails_leaves_every_target_as_it_was() {
    let (log, foo, mut target) = (Log::default(), "untouched", None);
    let value = async_with!(log.unsure("a").enter_fails(Failure("enter threw")) as foo => {
        target = Some(*foo);
    });
    assert_eq!(value, Err(Failure("enter threw")));
    assert_eq!((foo, target), ("untouched", None));
}

/// What CPython's mock generators yield: it knows whether it is in use.
#[derive(Default)]
struct Resource {
    yielded: AtomicBool,
    stopped: AtomicBool,
}

impl Resource {
    fn is_in_use(&self) -> bool {
        self.yielded.load(Ordering::Relaxed) && !self.stopped.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.yielded.load(Ordering::Relaxed) && self.stopped.load(Ordering::Relaxed)
    }
}

fn manager(
    resource: &Arc<Resource>,
) -> impl AsyncContextManager<Value = Arc<Resource>, Error = Infallible> + use<> {
    let resource = Arc::clone(resource);
    from_fn(
        || async move {
            resource.yielded.store(true, Ordering::Relaxed);
            Ok(resource)
        },
        |resource, _outcome| async move { resource.stopped.store(true, Ordering::Relaxed) },
    )
}

// CPython: test_with.NonexceptionalTestCase.testInlineGeneratorSyntax, testUnboundGenerator.
#[tokio::test]
async fn nothing_need_be_bound_whether_the_manager_is_made_in_the_head_or_before() {
    let (inline, named) = <(Arc<Resource>, Arc<Resource>)>::default();
    async_with!(manager(&inline) => { assert!(inline.is_in_use()) });
    assert!(inline.is_over());
    let mock = manager(&named);
    assert!(!named.is_in_use(), "making it enters nothing");
    async_with!(mock => { assert!(named.is_in_use()) });
    assert!(named.is_over());
}

// CPython: test_with.NonexceptionalTestCase.testInlineGeneratorBoundSyntax, testBoundGenerator.
#[tokio::test]
async fn what_is_bound_is_in_use_in_the_block_and_over_after_it() {
    let (inline, named) = <(Arc<Resource>, Arc<Resource>)>::default();
    let foo = async_with!(manager(&inline) as foo => {
        assert!(foo.is_in_use());
        Arc::clone(foo)
    });
    assert!(foo.is_over());
    let mock = manager(&named);
    async_with!(mock as foo => { assert!(Arc::ptr_eq(foo, &named) && foo.is_in_use()) });
    assert!(named.is_over());
}

// CPython: test_with.NonexceptionalTestCase.testInlineGeneratorBoundToExistingVariable. Here the name of the block shadows.
#[tokio::test]
async fn a_variable_of_the_same_name_is_shadowed_in_the_block_and_itself_after_it() {
    let (resource, foo) = (Arc::default(), None::<u8>);
    async_with!(manager(&resource) as foo => { assert!(foo.is_in_use()) });
    assert!(resource.is_over());
    assert_eq!(foo, None);
}

// CPython: test_with.AssignmentTargetTestCase.testWithExtendedTargets.
#[tokio::test]
async fn the_middle_of_a_sequence_may_be_bound() {
    async_with!(ready([1, 2, 3, 4]) as [a, b @ .., c] => {
        assert_eq!((*a, *b, *c), (1, [2, 3], 4));
    });
    async_with!(ready((1, 2, 3, 4)) as (a, .., c) => {
        assert_eq!((*a, *c), (1, 4));
    });
}

// CPython: test_grammar.GrammarTests.test_async_with.
#[tokio::test]
async fn the_six_shapes_of_a_head_parse_and_run() {
    let log = Log::default();
    let manager = || {
        let (entering, exiting) = (log.clone(), log.clone());
        from_fn(
            || async move {
                entering.add("enter");
                Ok::<_, Infallible>((1, 2))
            },
            |_value, _outcome| async move { exiting.add("exit") },
        )
    };
    async_with!(manager() => {});
    async_with!(manager() as x => { assert_eq!(*x, (1, 2)) });
    async_with!(manager() as (x, y) => { assert_eq!((*x, *y), (1, 2)) });
    log.expect(&["enter", "exit"].repeat(3));
    async_with!(manager(), manager() => {});
    async_with!(manager() as x, manager() as y => { assert_eq!(x, y) });
    async_with!(manager() as x, manager() => { assert_eq!(*x, (1, 2)) });
    log.expect(&["enter", "enter", "exit", "exit"].repeat(3));
}

/// Holds what a future acquires while the block runs, and lends nothing, as asyncio's locks do.
struct Holding<F: Future> {
    acquire: Option<F>,
    guard: Option<F::Output>,
}

fn holding<F: Future>(acquire: F) -> Holding<F> {
    Holding { acquire: Some(acquire), guard: None }
}

impl<F: Future> LocalAsyncContextManager for Holding<F> {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        let acquire = self.acquire.take().expect("a manager is entered once");
        self.guard = Some(acquire.await);
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        drop(self.guard);
        Ok(())
    }
}

// CPython: test_asyncio.test_pep492.LockTests.test_context_manager_async_with, test_asyncio.test_locks.LockTests and
// ConditionTests.test_context_manager.
#[tokio::test]
async fn a_lock_lends_a_unit_and_is_held_in_the_block_and_free_after_it() {
    macro_rules! held {
        ($acquire:expr, $is_free:expr) => {
            assert!($is_free);
            async_with!(holding($acquire) as () => {
                assert!(!$is_free);
                yield_once().await;
                assert!(!$is_free);
            });
            assert!($is_free);
        };
    }

    let (mutex, lock, semaphore) = (Mutex::new(()), RwLock::new(()), Semaphore::new(1));
    held!(mutex.lock(), mutex.try_lock().is_ok());
    held!(lock.write(), lock.try_read().is_ok());
    held!(semaphore.acquire(), semaphore.try_acquire().is_ok());
}

// CPython: test_asyncio.test_locks.BarrierTests.test_context_manager.
#[tokio::test]
async fn a_barrier_lets_nobody_into_the_block_before_all_have_come() {
    let (barrier, come, been) = (Barrier::new(3), AtomicU32::new(0), AtomicU32::new(0));
    let party = || async {
        yield_once().await;
        come.fetch_add(1, Ordering::Relaxed);
        async_with!(holding(barrier.wait()) => {
            assert_eq!(come.load(Ordering::Relaxed), 3);
            been.fetch_add(1, Ordering::Relaxed);
        });
    };
    tokio::join!(party(), party(), party());
    assert_eq!(been.load(Ordering::Relaxed), 3);
}
