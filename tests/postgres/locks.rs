//! `AdvisoryLock`: exclusion, tokens, and what happens when its session goes.

use std::error::Error;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_with::managers::{AdvisoryLock, AdvisoryLockError};
use async_with::{async_with, settle};
use futures::FutureExt;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use tokio::sync::oneshot;

use crate::common::log::LostErrors;
use crate::proxy::Proxy;
use crate::scenarios::cut;
use crate::{Database, PATIENCE, eventually, soon};

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

mod every_way_out {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Failed;

    /// Leaves the block in the way `way`.
    async fn leave(pool: &PgPool, way: &str) -> Result<&'static str, Failed> {
        for _ in 0..2 {
            async_with!(AdvisoryLock::try_new(pool, KEY) => {
                tokio::task::yield_now().await;
                match way {
                    "return" => return Ok("returned"),
                    "question mark" => Err(Failed)?,
                    "break" => break,
                    "continue" => continue,
                    "panic" => std::panic::panic_any("on purpose"),
                    _ => {}
                }
            })
            .expect("it is free each time");
        }
        Ok("ended")
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn unlocks_before_the_code_after_it_goes_on() {
        let database = Database::new().await;
        let pool = database.pool().await;
        for (way, result) in [
            ("end", Ok("ended")),
            ("return", Ok("returned")),
            ("question mark", Err(Failed)),
            ("break", Ok("ended")),
            ("continue", Ok("ended")),
        ] {
            assert_eq!(soon(leave(&pool, way)).await, result, "{way}");
            assert_eq!(holders(&pool).await, 0, "{way}");
        }
        let panicked = AssertUnwindSafe(leave(&pool, "panic")).catch_unwind().await;
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"on purpose"));
        assert_eq!(holders(&pool).await, 0);
        is_free(&pool).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn a_future_dropped_at_any_poll_leaves_the_lock_free() {
        let database = Database::new().await;
        let proxy = Proxy::to(&database).await;
        let pool = proxy.pool(&database, 4).await;
        let mut cuts = 0;
        for polls in 0.. {
            let block = async {
                async_with!(AdvisoryLock::new(&pool, KEY) => {
                    sqlx::query("SELECT 1").execute(&pool).await.unwrap();
                })
                .unwrap();
            };
            let ended = soon(cut(block, polls)).await.is_some();
            soon(settle()).await;
            is_free(&pool).await;
            if ended {
                break;
            }
            cuts += 1;
        }
        assert!(cuts > 10, "{cuts}");
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn a_cancelled_block_unlocks_detached() {
        let database = Database::new().await;
        let pool = database.pool().await;
        let (held, is_held) = oneshot::channel();
        let task = tokio::spawn({
            let pool = pool.clone();
            async move {
                async_with!(AdvisoryLock::new(&pool, KEY) => {
                    held.send(()).unwrap();
                    pending::<()>().await;
                })
            }
        });
        soon(is_held).await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        soon(settle()).await;
        assert_eq!(holders(&pool).await, 0);
        is_free(&pool).await;
    }
}

mod waiting {
    use super::*;

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
}

mod tokens {
    use super::*;

    async fn token(pool: &PgPool, key: i64) -> i64 {
        soon(async { async_with!(AdvisoryLock::new(pool, key) as lock => { lock.token() }) }).await.unwrap()
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn increase_from_holder_to_holder() {
        let database = Database::new().await;
        let pool = database.pool().await;
        let tasks = (0..4).map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut greatest = 0;
                for _ in 0..5 {
                    async_with!(AdvisoryLock::new(&pool, KEY) as lock => {
                        let sql = "UPDATE storage SET token = $1 WHERE token < $1";
                        let update = sqlx::query(sql).bind(lock.token()).execute(&pool).await.unwrap();
                        assert_eq!(update.rows_affected(), 1, "an earlier holder had {} or more", lock.token());
                        assert!(lock.token() > greatest);
                        greatest = lock.token();
                    })
                    .unwrap();
                }
            })
        });
        pool.execute("CREATE TABLE storage (token bigint NOT NULL)").await.unwrap();
        pool.execute("INSERT INTO storage VALUES (0)").await.unwrap();
        for task in tasks.collect::<Vec<_>>() {
            soon(task).await.unwrap();
        }
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn increase_over_crashes_of_the_server() {
        let database = Database::alone().await;
        let mut greatest = 0;
        for _ in 0..3 {
            let pool = database.pool().await;
            let token = token(&pool, KEY).await;
            assert!(token > greatest, "{token} after {greatest}");
            greatest = token;
            database.cluster.crash().unwrap();
            database.cluster.up().unwrap();
        }
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn need_no_rights_but_to_connect() {
        let database = Database::new().await;
        let pool = database.pool().await;
        let role = format!("plain_{}", database.name);
        pool.execute(AssertSqlSafe(format!("CREATE ROLE {role} LOGIN"))).await.unwrap();
        let url = database.url().replace("user=postgres", &format!("user={role}"));
        let plain = PgPool::connect(&url).await.unwrap();
        let first = token(&plain, KEY).await;
        assert!(token(&plain, KEY + 1).await > first, "over all keys");
        plain.close().await;
    }
}

mod a_lost_session {
    use super::*;

    fn is_lost(block: &Result<(), AdvisoryLockError>) -> bool {
        matches!(block, Err(AdvisoryLockError::SessionLost { key: KEY, .. }))
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn that_is_terminated_interrupts_the_body_at_once() {
        let database = Database::new().await;
        let pool = database.pool().await;
        let lock = AdvisoryLock::new(&pool, KEY).heartbeat(NEVER);
        let block = interrupted_by(lock, async || terminate_holder(&database.url()).await).await;
        assert!(is_lost(&block), "{block:?}");
        is_free(&pool).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn of_a_server_that_is_shut_down_or_crashes_interrupts_the_body_at_once() {
        let database = Database::alone().await;
        for crash in [false, true] {
            let pool = database.pool().await;
            let lock = AdvisoryLock::new(&pool, KEY).heartbeat(NEVER);
            let stop = async || {
                let stopped = if crash { database.cluster.crash() } else { database.cluster.down() };
                stopped.unwrap();
            };
            let block = interrupted_by(lock, stop).await;
            assert!(is_lost(&block), "{block:?}");
            database.cluster.up().unwrap();
            let pool = database.pool().await;
            assert_eq!(soon(async { async_with!(AdvisoryLock::new(&pool, KEY) => { 1 }) }).await.unwrap(), 1);
            is_free(&pool).await;
        }
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn in_a_silent_network_interrupts_the_body_after_two_heartbeats_at_the_latest() {
        let database = Database::new().await;
        let proxy = Proxy::to(&database).await;
        let pool = proxy.pool(&database, 4).await;
        let heartbeat = Duration::from_millis(500);
        let mut frozen = None;
        let lock = AdvisoryLock::new(&pool, KEY).heartbeat(heartbeat);
        let block = interrupted_by(lock, async || {
            proxy.freeze();
            frozen = Some(Instant::now());
        })
        .await;
        let stopped = frozen.unwrap().elapsed();
        assert!(is_lost(&block), "{block:?}");
        assert!(block.unwrap_err().to_string().ends_with("did not answer within 500ms"));
        // A busy machine may be late, but not by a third heartbeat of a minute.
        assert!(stopped < PATIENCE / 2, "{stopped:?}");
        assert!(stopped > heartbeat, "{stopped:?}");
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn is_told_from_a_quiet_one() {
        let database = Database::new().await;
        let pool = database.pool().await;
        // Zero is raised to the least that makes sense.
        let lock = AdvisoryLock::new(&pool, KEY).heartbeat(Duration::ZERO);
        let heartbeats = "SELECT query_start::text FROM pg_stat_activity WHERE query = 'SELECT 1' AND datname = current_database()";
        let block = async_with!(lock => {
            let mut seen = std::collections::BTreeSet::new();
            eventually("it has been asked three times", async || {
                let at: Option<String> = sqlx::query_scalar(heartbeats).fetch_optional(&pool).await.unwrap();
                seen.extend(at);
                seen.len() >= 3
            })
            .await;
            "undisturbed"
        });
        assert_eq!(block.unwrap(), "undisturbed");
        let longest = AdvisoryLock::new(&pool, KEY).heartbeat(Duration::MAX);
        assert_eq!(
            soon(async { async_with!(longest => { tokio::task::yield_now().await; 1 }) }).await.unwrap(),
            1
        );
        is_free(&pool).await;
    }

    /// In another thread, so that the body does not await: nobody looks after the interrupt meanwhile.
    fn terminate_holder_unnoticed(database: &Database) {
        let url = database.url();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(terminate_holder(&url));
        });
        thread.join().unwrap();
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn that_the_body_did_not_notice_is_reported_by_the_exit() {
        let database = Database::new().await;
        let pool = database.pool().await;
        let block = async_with!(AdvisoryLock::new(&pool, KEY) => { terminate_holder_unnoticed(&database) });
        assert!(is_lost(&block), "{block:?}");
        assert!(block.unwrap_err().source().is_some());
        is_free(&pool).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn after_a_body_that_failed_goes_to_the_lost_error_hook() {
        const UNIQUE: i64 = 815_081_508;
        let lost = LostErrors::with("815081508");
        let database = Database::new().await;
        let pool = database.pool().await;
        let body: Result<Result<(), &str>, _> = async_with!(AdvisoryLock::new(&pool, UNIQUE) => {
            terminate_holder_unnoticed(&database);
            Err("the body's own")
        });
        assert_eq!(body.unwrap(), Err("the body's own"));
        let lost = lost.all();
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert!(lost[0].error.starts_with("SessionLost"), "{lost:?}");
        assert!(lost[0].manager.ends_with("::AdvisoryLock"), "{lost:?}");
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn is_reported_once_after_an_interrupt() {
        const UNIQUE: i64 = 424_242_001;
        let lost = LostErrors::with("424242001");
        let database = Database::new().await;
        let pool = database.pool().await;
        let block = interrupted_by(AdvisoryLock::new(&pool, UNIQUE), async || {
            terminate_holder(&database.url()).await;
        });
        assert!(matches!(block.await, Err(AdvisoryLockError::SessionLost { key: UNIQUE, .. })));
        assert!(lost.all().is_empty(), "{:?}", lost.all());
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
