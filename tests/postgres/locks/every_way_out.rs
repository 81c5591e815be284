//! The lock is free after every way out.

use std::future::pending;
use std::panic::AssertUnwindSafe;

use async_with::managers::AdvisoryLock;
use async_with::{async_with, settle};
use futures::FutureExt;
use sqlx::PgPool;
use tokio::sync::oneshot;

use super::{KEY, holders, is_free};
use crate::proxy::Proxy;
use crate::scenarios::cut;
use crate::{Database, soon};

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
