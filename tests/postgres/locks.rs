//! `AdvisoryLock`: exclusion, tokens, and what happens when its session goes.

mod a_lost_session;
mod every_way_out;
mod tokens;
mod waiting;

use std::error::Error;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_with::async_with;
use async_with::managers::{AdvisoryLock, AdvisoryLockError};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::sync::oneshot;

use crate::{Database, eventually, soon};

const KEY: i64 = 7;

/// So long that nothing in here can be due to it.
pub const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// How many sessions have the lock, or wait for it.
async fn sessions(pool: &PgPool, granted: bool) -> i64 {
    let count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted = $1 AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::query_scalar(count).bind(granted).fetch_one(pool).await.unwrap()
}

async fn holders(pool: &PgPool) -> i64 {
    sessions(pool, true).await
}

pub async fn waiters(pool: &PgPool) -> i64 {
    sessions(pool, false).await
}

/// Waits until nobody has the lock, and then none of the sessions of locks is left.
async fn is_free(pool: &PgPool) {
    eventually("the lock is free", async || holders(pool).await + waiters(pool).await == 0).await;
    let others =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%advisory%'
        AND pid <> pg_backend_pid() AND query NOT LIKE '%pg_locks%'";
    eventually("no session of a lock is left", async || {
        sqlx::query_scalar::<_, i64>(others).fetch_one(pool).await.unwrap() == 0
    })
    .await;
}

/// Ends the session that has the lock, as an administrator does.
pub async fn terminate_holder(url: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let terminate =
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(connection.execute(terminate).await.unwrap().rows_affected(), 1);
    connection.close().await.unwrap();
}

/// Runs a block that is stopped by what `disturb` does once the lock is held.
async fn interrupted_by(lock: AdvisoryLock, disturb: impl AsyncFnOnce()) -> Result<(), AdvisoryLockError> {
    let (held, is_held) = oneshot::channel();
    let block = async {
        async_with!(lock => {
            held.send(()).unwrap();
            pending::<()>().await;
        })
    };
    let disturbed = async {
        is_held.await.unwrap();
        disturb().await;
    };
    soon(async { tokio::join!(block, disturbed).0 }).await
}

mod exclusion {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn one_block_of_a_key_runs_at_a_time() {
        let database = Database::new().await;
        let pool = database.pool().await;
        let (inside, entered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let tasks = (0..6).map(|_| {
            let (pool, inside, entered) = (pool.clone(), Arc::clone(&inside), Arc::clone(&entered));
            tokio::spawn(async move {
                for _ in 0..5 {
                    async_with!(AdvisoryLock::new(&pool, KEY) => {
                        assert!(!inside.swap(true, Ordering::SeqCst), "two at a time");
                        for _ in 0..10 {
                            tokio::task::yield_now().await;
                        }
                        entered.fetch_add(1, Ordering::SeqCst);
                        inside.store(false, Ordering::SeqCst);
                    })
                    .unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            soon(task).await.unwrap();
        }
        assert_eq!(entered.load(Ordering::SeqCst), 30);
        is_free(&pool).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn another_key_does_not_wait() {
        let database = Database::new().await;
        let pool = database.pool().await;
        let keys = async {
            async_with!(
                AdvisoryLock::new(&pool, i64::MIN) as one,
                AdvisoryLock::new(&pool, i64::MAX) as two,
                {
                    assert_eq!(holders(&pool).await, 2);
                    (one.key(), two.key())
                }
            )
        };
        assert_eq!(soon(keys).await.unwrap(), (i64::MIN, i64::MAX));
        is_free(&pool).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn a_lock_that_is_taken_is_reported_as_busy_on_request() {
        let database = Database::new().await;
        let pool = database.pool().await;
        async_with!(AdvisoryLock::try_new(&pool, KEY) => {
            let second = async_with!(AdvisoryLock::try_new(&pool, KEY) => { panic!("it is taken") });
            assert!(matches!(second, Err(AdvisoryLockError::Busy { key: KEY })), "{second:?}");
            eventually("its session is closed", async || {
                let open = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_try_advisory%'
                    AND datname = current_database() AND pid <> pg_backend_pid()";
                sqlx::query_scalar::<_, i64>(open).fetch_one(&pool).await.unwrap() == 0
            })
            .await;
        })
        .unwrap();
        is_free(&pool).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn the_pool_has_all_its_connections_for_others() {
        let database = Database::new().await;
        let pool = database.pool_of(1).await;
        let answer = async {
            async_with!(AdvisoryLock::new(&pool, KEY), AdvisoryLock::new(&pool, KEY + 1), {
                sqlx::query_scalar::<_, i32>("SELECT 42").fetch_one(&pool).await.unwrap()
            })
        };
        assert_eq!(soon(answer).await.unwrap(), 42);
    }
}

mod a_database_that_is_down {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn at_enter_is_reported_as_unavailable() {
        let database = Database::alone().await;
        let patience = Duration::from_millis(300);
        let pool = PgPoolOptions::new().acquire_timeout(patience).connect(&database.url()).await.unwrap();
        database.cluster.down().unwrap();
        let block: Result<(), _> =
            soon(async { async_with!(AdvisoryLock::new(&pool, KEY) => { panic!("nothing was entered") }) })
                .await;
        assert!(matches!(block, Err(AdvisoryLockError::Unavailable { key: KEY, .. })), "{block:?}");
        let error = block.unwrap_err();
        assert!(error.to_string().starts_with("advisory lock 7 was not acquired: "), "{error}");
        assert!(error.source().is_some());
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn while_the_lock_is_waited_for_is_reported_as_unavailable() {
        let database = Database::alone().await;
        let (pool, observer) = (database.pool().await, database.pool().await);
        let mut holder = PgConnection::connect(&database.url()).await.unwrap();
        holder.execute("SELECT pg_advisory_lock(7)").await.unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { async_with!(AdvisoryLock::new(&pool, KEY) => { panic!("it is taken") }) }
        });
        eventually("it waits", async || waiters(&observer).await == 1).await;
        database.cluster.down().unwrap();
        let ended: Result<(), _> = soon(waiting).await.unwrap();
        assert!(matches!(ended, Err(AdvisoryLockError::Unavailable { key: KEY, .. })), "{ended:?}");
    }
}
