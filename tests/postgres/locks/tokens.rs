//! Tokens: higher with each holder.

use async_with::async_with;
use async_with::managers::AdvisoryLock;
use sqlx::{AssertSqlSafe, Executor, PgPool};

use super::KEY;
use crate::{Database, soon};

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
