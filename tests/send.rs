//! The future of a block is `Send` when its parts are.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::rc::Rc;

use async_with::managers::{ChildError, Spawner, TaskGroup};
use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome, async_with, ready, with};

use crate::common::log::{Failure, Log, Suppressor};
use crate::common::{Fallible, Plain};

fn is_send<F: Send>(future: F) -> F {
    future
}

async fn every_construct(log: Log) -> Result<u32, Failure> {
    let mut sum = 0;
    for turn in 0..4 {
        async_with!(log.unsure("a").waits(1) as a, log.sure("b"), Suppressor(log.unsure("c"), true) => {
            *a += 1;
            tokio::task::yield_now().await;
            async_with!(Plain => {
                match turn {
                    0 => continue,
                    1 => Err(Failure("swallowed"))?,
                    2 => sum += *a,
                    _ => break,
                }
            });
        })?;
    }
    with!(log.sure("sync") => async { tokio::task::yield_now().await });
    Ok(sum)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_of_send_parts_can_be_spawned() {
    let task = tokio::spawn(is_send(every_construct(Log::default())));
    assert_eq!(task.await.unwrap(), Ok(1));
    let text = "5".to_owned();
    let inline = tokio::spawn(is_send(async move { async_with!(Fallible => { text.parse::<u8>() }) }));
    assert_eq!(inline.await.unwrap(), Ok(Ok(5)));
}

async fn generic<M: AsyncContextManager>(first: M, second: M) -> Result<u8, M::Error> {
    async_with!(first => {
        async_with!(second as _second => { tokio::task::yield_now().await })
    })??;
    Ok(1)
}

fn spawns<M>(make: impl Fn() -> M) -> tokio::task::JoinHandle<Result<u8, M::Error>>
where
    M: AsyncContextManager,
{
    tokio::spawn(is_send(generic(make(), make())))
}

#[tokio::test]
async fn blocks_over_a_generic_manager_can_be_spawned() {
    assert_eq!(spawns(|| Fallible).await.unwrap(), Ok(1));
    assert_eq!(spawns(|| Plain).await.unwrap(), Ok(1));
}

/// Is neither `Send` nor `'static`.
struct Counted<'a>(&'a Cell<u32>);

impl LocalAsyncContextManager for Counted<'_> {
    type Value = Rc<Cell<u32>>;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<Self::Value, Infallible> {
        tokio::task::yield_now().await;
        Ok(Rc::new(Cell::new(self.0.get())))
    }

    async fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), Infallible> {
        tokio::task::yield_now().await;
        assert_eq!(outcome, Outcome::Completed);
        self.0.set(value.get());
        Ok(())
    }
}

#[tokio::test]
async fn blocks_of_other_parts_run_on_one_thread() {
    let local = tokio::task::LocalSet::new();
    let number = local
        .run_until(async {
            let task = tokio::task::spawn_local(async {
                let cell = Cell::new(1);
                async_with!(Counted(&cell) as value, Plain => {
                    let shared = Rc::clone(value);
                    tokio::task::yield_now().await;
                    shared.set(shared.get() + 1);
                });
                cell.get()
            });
            task.await.unwrap()
        })
        .await;
    assert_eq!(number, 2);
}

#[tokio::test]
async fn a_body_that_is_not_send_needs_no_local_manager() {
    let number = async_with!(Fallible => {
        let shared = Rc::new(1);
        tokio::task::yield_now().await;
        *shared
    });
    assert_eq!(number, Ok(1));
}

#[tokio::test]
async fn a_manager_lends_what_is_send_but_not_sync() {
    struct Own(u32);

    impl AsyncContextManager for Own {
        type Value = Cell<u32>;
        type Error = Infallible;

        async fn enter(&mut self) -> Result<Cell<u32>, Infallible> {
            Ok(Cell::new(self.0))
        }

        async fn exit(self, value: Cell<u32>, _outcome: Outcome) -> Result<(), Infallible> {
            assert_eq!(value.get(), self.0 + 1);
            Ok(())
        }
    }

    let task = tokio::spawn(is_send(async {
        async_with!(Own(1) as cell => {
            tokio::task::yield_now().await;
            cell.set(cell.get() + 1);
        });
    }));
    task.await.unwrap();
}

/// What it returns is not `Send`, but the body cannot return it.
async fn no_return_in_the_body() -> Result<u8, Box<dyn Error>> {
    let value = async_with!(Fallible => {
        tokio::task::yield_now().await;
        5
    });
    Ok(value?)
}

#[tokio::test]
async fn what_the_function_returns_need_not_be_send_if_the_body_does_not_return_it() {
    let task = tokio::spawn(async { no_return_in_the_body().await.unwrap() });
    assert_eq!(task.await.unwrap(), 5);
}

/// What the README advises where the type of a manager has a lifetime in it, with which rustc does not prove `Send` otherwise.
#[tokio::test]
async fn blocks_over_managers_with_a_lifetime_in_their_type_are_send_behind_impl_trait() {
    type BoxError = Box<dyn Error + Send + Sync>;

    fn text() -> impl AsyncContextManager<Value = &'static str, Error = Infallible> {
        ready("text")
    }

    fn tasks() -> impl AsyncContextManager<Value = Spawner<BoxError>, Error = ChildError<BoxError>> {
        TaskGroup::new()
    }

    let length = tokio::spawn(async { async_with!(text() as text => text.len()) });
    assert_eq!(length.await.unwrap(), 4);
    let sum = tokio::spawn(async {
        async_with!(tasks() as group => {
            let one = group.spawn(async { Ok(1) });
            one.await.unwrap() + 1
        })
    });
    assert_eq!(sum.await.unwrap().unwrap(), 2);
}
