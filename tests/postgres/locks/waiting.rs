//! Blocks that wait for the lock.

use async_with::async_with;
use async_with::managers::{AdvisoryLock, AdvisoryLockError};
use sqlx::{AssertSqlSafe, Executor};

use super::{KEY, NEVER, holders, is_free, waiters};
use crate::{Database, eventually, soon};

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn one_that_is_dropped_leaves_the_queue_while_the_lock_is_held() {
    let database = Database::new().await;
    let pool = database.pool().await;
    async_with!(AdvisoryLock::new(&pool, KEY) => {
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { async_with!(AdvisoryLock::new(&pool, KEY) => { panic!("it is taken") }) }
        });
        eventually("it waits", async || waiters(&pool).await == 1).await;
        waiting.abort();
        eventually("it has left the queue", async || waiters(&pool).await == 0).await;
        assert_eq!(holders(&pool).await, 1);
    })
    .unwrap();
    is_free(&pool).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn one_that_is_dropped_does_not_keep_the_next_from_its_turn() {
    let database = Database::new().await;
    let pool = database.pool().await;
    let wait = || {
        let pool = pool.clone();
        tokio::spawn(async move { async_with!(AdvisoryLock::new(&pool, KEY) => { "its turn" }) })
    };
    let (dropped, next) = async_with!(AdvisoryLock::new(&pool, KEY) => {
        let dropped = wait();
        eventually("one waits", async || waiters(&pool).await == 1).await;
        let next = wait();
        eventually("two wait", async || waiters(&pool).await == 2).await;
        dropped.abort();
        (dropped, next)
    })
    .unwrap();
    assert!(dropped.await.unwrap_err().is_cancelled());
    assert_eq!(soon(next).await.unwrap().unwrap(), "its turn");
    is_free(&pool).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn ends_when_the_pool_is_closed() {
    let database = Database::new().await;
    let (pool, observer) = (database.pool().await, database.pool().await);
    async_with!(AdvisoryLock::new(&observer, KEY) => {
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { async_with!(AdvisoryLock::new(&pool, KEY) => { panic!("it is taken") }) }
        });
        eventually("it waits", async || waiters(&observer).await == 1).await;
        soon(pool.close()).await;
        let ended: Result<(), _> = soon(waiting).await.unwrap();
        assert!(matches!(ended, Err(AdvisoryLockError::PoolClosed { key: KEY })), "{ended:?}");
    })
    .unwrap();
    let after: Result<(), _> = async_with!(AdvisoryLock::new(&pool, KEY) => { panic!("it is closed") });
    assert!(matches!(after, Err(AdvisoryLockError::PoolClosed { key: KEY })), "{after:?}");
    is_free(&observer).await;
}

/// Timeouts of statements are for work; here the server is asked to wait.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn outlasts_the_timeouts_of_the_database() {
    let database = Database::new().await;
    let pool = database.pool().await;
    for setting in ["statement_timeout", "lock_timeout", "idle_session_timeout"] {
        let set = format!("ALTER DATABASE {} SET {setting} = '50ms'", database.name);
        pool.execute(AssertSqlSafe(set)).await.unwrap();
    }
    let waiting = async_with!(AdvisoryLock::new(&pool, KEY).heartbeat(NEVER) => {
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { async_with!(AdvisoryLock::new(&pool, KEY) => { "its turn" }) }
        });
        eventually("it has waited for longer", async || {
            let waited = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND waitstart < now() - interval '200ms' AND database =
                (SELECT oid FROM pg_database WHERE datname = current_database())";
            sqlx::query_scalar::<_, i64>(waited).fetch_one(&pool).await.unwrap() == 1
        })
        .await;
        waiting
    });
    assert_eq!(soon(waiting.unwrap()).await.unwrap().unwrap(), "its turn");
}
