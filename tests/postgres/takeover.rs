//! The session of an `AdvisoryLock` is ended, or its server killed, at each step of the block: the block says so, and another
//! takes over.

use std::error::Error;
use std::future::pending;
use std::thread;

use async_with::async_with;
use async_with::managers::{AdvisoryLock, AdvisoryLockError};
use sqlx::{Connection, PgConnection, PgExecutor, PgPool};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::common::log::LostErrors;
use crate::contention::TABLES;
use crate::locks::{NEVER, terminate_holder, waiters};
use crate::proxy::{Proxy, Side};
use crate::{Database, eventually, soon};

/// Waits for the lock, and says with which token it has got it.
async fn successor(pool: &PgPool, key: i64) -> JoinHandle<Result<i64, AdvisoryLockError>> {
    let task = tokio::spawn({
        let pool = pool.clone();
        async move { async_with!(AdvisoryLock::new(&pool, key).heartbeat(NEVER) as lock => { lock.token() }) }
    });
    eventually("the other waits", async || waiters(pool).await == 1).await;
    task
}

fn is_lost(block: &Result<(), AdvisoryLockError>) -> bool {
    matches!(block, Err(AdvisoryLockError::SessionLost { .. }))
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn when_the_session_is_ended_in_the_body() {
    let database = Database::new().await;
    let pool = database.pool().await;
    let (mut token, (held, is_held)) = (0, oneshot::channel());
    let block = async {
        async_with!(AdvisoryLock::new(&pool, 7).heartbeat(NEVER) as lock => {
            token = lock.token();
            held.send(()).unwrap();
            pending::<()>().await;
        })
    };
    let disturb = async {
        is_held.await.unwrap();
        let successor = successor(&pool, 7).await;
        terminate_holder(&database.url()).await;
        soon(successor).await.unwrap()
    };
    let (block, successor) = soon(async { tokio::join!(block, disturb) }).await;
    assert!(is_lost(&block), "{block:?}");
    assert!(successor.unwrap() > token);
}

/// The unlock on its way, and its answer on the way: in both cases the block cannot know whether it held the lock to its end.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn when_the_session_is_ended_in_the_exit() {
    for side in [Side::Request, Side::Answer] {
        let database = Database::new().await;
        let proxy = Proxy::to(&database).await;
        let (held_up, pool) = (proxy.pool(&database, 1).await, database.pool().await);
        let mut token = 0;
        let unlocks = proxy.hold(side, "pg_advisory_unlock");
        let (entered, is_entered) = oneshot::channel();
        let (may_end, ends) = oneshot::channel();
        let block = async {
            async_with!(AdvisoryLock::new(&held_up, 7).heartbeat(NEVER) as lock => {
                token = lock.token();
                entered.send(()).unwrap();
                ends.await.unwrap();
            })
        };
        let disturb = async {
            is_entered.await.unwrap();
            let successor = successor(&pool, 7).await;
            may_end.send(()).unwrap();
            unlocks.await;
            if side == Side::Request {
                terminate_holder(&database.url()).await;
            } else {
                end_idle_session(&database).await;
            }
            soon(successor).await.unwrap()
        };
        let (block, successor) = soon(async { tokio::join!(block, disturb) }).await;
        assert!(is_lost(&block), "{side:?}: {block:?}");
        assert!(block.unwrap_err().source().is_some());
        assert!(successor.unwrap() > token, "{side:?}");
    }
}

/// The one that has unlocked, and has not been told so.
async fn end_idle_session(database: &Database) {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'SELECT pg_advisory_unlock%' AND pid <> pg_backend_pid()";
    eventually("it is ended", async || {
        sqlx::query(terminate).execute(&mut connection).await.unwrap().rows_affected() > 0
    })
    .await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn when_the_session_is_ended_in_the_exit_after_a_body_that_failed() {
    const UNIQUE: i64 = 606_060_077;
    let lost = LostErrors::with("606060077");
    let database = Database::new().await;
    let proxy = Proxy::to(&database).await;
    let (held_up, pool) = (proxy.pool(&database, 1).await, database.pool().await);
    let unlocks = proxy.hold(Side::Request, "pg_advisory_unlock");
    let block = async {
        async_with!(AdvisoryLock::new(&held_up, UNIQUE).heartbeat(NEVER) => { Err::<(), _>("the body's own") })
    };
    let disturb = async {
        unlocks.await;
        let successor = successor(&pool, UNIQUE).await;
        terminate_holder(&database.url()).await;
        soon(successor).await.unwrap()
    };
    let (block, successor) = soon(async { tokio::join!(block, disturb) }).await;
    assert_eq!(block.unwrap(), Err("the body's own"));
    successor.unwrap();
    let lost = lost.all();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].error.starts_with("SessionLost"), "{lost:?}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn after_the_server_was_killed_in_the_body_or_in_the_exit() {
    let database = Database::alone().await;
    let proxy = Proxy::to(&database).await;
    let mut token = 0;
    for in_the_exit in [false, true] {
        let pool = proxy.pool(&database, 1).await;
        let unlocks = proxy.hold(Side::Request, "pg_advisory_unlock");
        let (entered, is_entered) = oneshot::channel();
        let block = async {
            async_with!(AdvisoryLock::new(&pool, 7).heartbeat(NEVER) as lock => {
                assert!(lock.token() > token, "{} after {token}", lock.token());
                token = lock.token();
                entered.send(()).unwrap();
                if !in_the_exit {
                    pending::<()>().await;
                }
            })
        };
        let disturb = async {
            is_entered.await.unwrap();
            if in_the_exit {
                unlocks.await;
            }
            database.kill().await;
        };
        let (block, ()) = soon(async { tokio::join!(block, disturb) }).await;
        assert!(is_lost(&block), "{in_the_exit}: {block:?}");
        database.revive().await;
    }
    let pool = database.pool().await;
    let next = async { async_with!(AdvisoryLock::new(&pool, 7) as lock => { lock.token() }) };
    assert!(soon(next).await.unwrap() > token);
}

async fn write(storage: impl PgExecutor<'_>, token: i64) -> bool {
    let write = sqlx::query_scalar("SELECT write($1, 0)").bind(token);
    write.fetch_one(storage).await.unwrap()
}

/// Its thread is blocked while another takes over, so it cannot be told, and begins to write once more.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn and_a_holder_that_was_held_up_is_refused_by_its_token() {
    let database = Database::new().await;
    let pool = database.pool().await;
    sqlx::raw_sql(TABLES).execute(&pool).await.unwrap();
    let url = database.url();
    // Of its own: a pool would first ask a connection whether it lives, and the write would not be sent.
    let mut storage = PgConnection::connect(&url).await.unwrap();
    let another = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            terminate_holder(&url).await;
            let pool = PgPool::connect(&url).await.unwrap();
            let wrote = async {
                async_with!(AdvisoryLock::new(&pool, 7) as lock => { write(&pool, lock.token()).await })
            };
            assert!(soon(wrote).await.unwrap(), "it is accepted");
        });
    };
    let block = async {
        async_with!(AdvisoryLock::new(&pool, 7).heartbeat(NEVER) as lock => {
            assert!(write(&mut storage, lock.token()).await);
            thread::scope(|threads| threads.spawn(another).join().unwrap());
            write(&mut storage, lock.token()).await;
            unreachable!("it is interrupted before it has the answer");
        })
    };
    let block: Result<(), _> = soon(block).await;
    assert!(is_lost(&block), "{block:?}");
    eventually("the last write has arrived", async || {
        let attempts = "SELECT accepted FROM attempt ORDER BY n";
        let attempts: Vec<bool> = sqlx::query_scalar(attempts).fetch_all(&pool).await.unwrap();
        attempts == [true, true, false]
    })
    .await;
}
