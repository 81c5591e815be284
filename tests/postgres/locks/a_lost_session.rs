//! The session of a lock goes while it is held.

use std::error::Error;
use std::time::{Duration, Instant};

use async_with::async_with;
use async_with::managers::{AdvisoryLock, AdvisoryLockError};

use super::{KEY, NEVER, interrupted_by, is_free, terminate_holder};
use crate::common::log::LostErrors;
use crate::proxy::Proxy;
use crate::{Database, PATIENCE, eventually, soon};

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
