//! `pool.transaction()` and `tx.savepoint()` on PostgreSQL, and what a server that goes does to them.

use std::time::Duration;

use async_with::managers::{PoolExt, TransactionExt};
use async_with::{async_with, settle};
use futures::FutureExt;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row};

use crate::common::log::LostErrors;
use crate::proxy::Proxy;
use crate::scenarios::{cut, transaction_tests};
use crate::{Database, eventually, soon};

async fn open(connections: u32) -> ((Database, Proxy), PgPool) {
    let database = Database::new().await;
    let proxy = Proxy::to(&database).await;
    let pool = proxy.pool(&database, connections).await;
    with_tables(&pool).await;
    ((database, proxy), pool)
}

pub async fn with_tables(pool: &PgPool) {
    let tables = "CREATE TABLE entry (n integer NOT NULL UNIQUE);
        CREATE TABLE child (n integer REFERENCES entry (n) DEFERRABLE INITIALLY DEFERRED)";
    sqlx::raw_sql(tables).execute(pool).await.unwrap();
}

/// Outside of a transaction each statement is one, and begins it.
async fn assert_no_transaction(connection: &mut PgConnection) {
    let alone = sqlx::raw_sql("SELECT now() = statement_timestamp()").fetch_one(connection).await.unwrap();
    assert!(alone.get::<bool, _>(0));
}

transaction_tests!(Postgres, #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]);

/// Ends all sessions of the pool, which has one connection.
async fn terminate_sessions(database: &Database) {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(connection.execute(terminate).await.unwrap().rows_affected(), 1);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()";
    let mut alone = false;
    while !alone {
        alone = sqlx::query_scalar::<_, i64>(left).fetch_one(&mut connection).await.unwrap() == 1;
    }
    connection.close().await.unwrap();
}

mod a_failed_statement_whose_error_is_swallowed {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn fails_the_commit() {
        let (_database, pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            add(tx, 1).await.unwrap();
            add(tx, 1).await.unwrap_err();
        });
        let error = block.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "25P02", "{error}");
        expect_entries(&pool, &[]).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn in_a_savepoint_fails_that_and_nothing_else() {
        let (_database, pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            add(tx, 1).await.unwrap();
            let part = async_with!(tx.savepoint() as part => {
                add(part, 2).await.unwrap();
                add(part, 2).await.unwrap_err();
            });
            assert_eq!(part.unwrap_err().as_database_error().unwrap().code().unwrap(), "25P02");
            add(tx, 3).await.unwrap();
        });
        block.unwrap();
        expect_entries(&pool, &[1, 3]).await;
    }

    /// sqlx by itself would roll back the transaction here, and the statements after that would run outside of any.
    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn lets_no_savepoint_be_set_and_no_statement_escape() {
        let (_database, pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            add(tx, 1).await.unwrap();
            add(tx, 1).await.unwrap_err();
            let part: Result<(), _> = async_with!(tx.savepoint() => { unreachable!("it cannot be set") });
            assert_eq!(part.unwrap_err().as_database_error().unwrap().code().unwrap(), "25P02");
            let later = add(tx, 3).await.unwrap_err();
            assert_eq!(later.as_database_error().unwrap().code().unwrap(), "25P02");
        });
        block.unwrap_err();
        expect_entries(&pool, &[]).await;
    }
}

mod a_session_that_is_ended {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn before_the_commit_fails_it() {
        let ((database, _proxy), pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            add(tx, 1).await.unwrap();
            terminate_sessions(&database).await;
        });
        block.unwrap_err();
        expect_entries(&pool, &[]).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn before_the_rollback_leaves_the_bodys_error_and_is_told_to_the_hook() {
        let lost = LostErrors::with("");
        let ((database, _proxy), pool) = open(1).await;
        let line = line!() + 1;
        let block: Result<Result<(), &str>, _> = async_with!(pool.transaction() as tx => {
            add(tx, 1).await.unwrap();
            terminate_sessions(&database).await;
            Err("the body's own")
        });
        assert_eq!(block.unwrap(), Err("the body's own"));
        let all = lost.all();
        let here: Vec<_> = all.iter().filter(|lost| lost.file == file!() && lost.line == line).collect();
        assert_eq!(here.len(), 1, "{all:?}");
        assert!(here[0].manager.contains("PoolTransaction"), "{here:?}");
        expect_entries(&pool, &[]).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn before_a_savepoint_fails_both() {
        let ((database, _proxy), pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            terminate_sessions(&database).await;
            let part: Result<(), _> = async_with!(tx.savepoint() => { unreachable!("it cannot be set") });
            part.unwrap_err();
        });
        block.unwrap_err();
        expect_entries(&pool, &[]).await;
    }
}

mod a_server_that_is_down {
    use super::*;

    async fn alone() -> (Database, PgPool) {
        let database = Database::alone().await;
        let pool = database.pool_of(1).await;
        with_tables(&pool).await;
        (database, pool)
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn at_enter_fails_it_until_it_is_up_again() {
        let (database, pool) = alone().await;
        database.cluster.down().unwrap();
        let block: Result<(), _> =
            soon(async { async_with!(pool.transaction() => { unreachable!() }) }).await;
        block.unwrap_err();
        database.cluster.up().unwrap();
        expect_entries(&pool, &[]).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
    async fn at_commit_or_rollback_leaves_nothing_of_the_transaction() {
        let (database, pool) = alone().await;
        for crash in [false, true] {
            for commit in [true, false] {
                let block: Result<Result<(), &str>, _> = soon(async {
                    async_with!(pool.transaction() as tx => {
                        add(tx, 1).await.unwrap();
                        let stopped = if crash { database.cluster.crash() } else { database.cluster.down() };
                        stopped.unwrap();
                        if commit { Ok(()) } else { Err("the body's own") }
                    })
                })
                .await;
                if commit {
                    block.unwrap_err();
                } else {
                    assert_eq!(block.unwrap(), Err("the body's own"));
                }
                database.cluster.up().unwrap();
                expect_entries(&pool, &[]).await;
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --all-features --test postgres -- --ignored"]
async fn no_session_is_left_in_a_transaction_when_many_blocks_are_cut() {
    let ((database, _proxy), pool) = open(3).await;
    let tasks = (0..60).map(|n| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let block = async { async_with!(pool.transaction() as tx => { add(tx, n).await.unwrap() }) };
            cut(block, usize::try_from(n).unwrap() % 12).await
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        soon(task).await.unwrap();
    }
    soon(settle()).await;
    let observer = database.pool().await;
    let open =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    eventually("no transaction is left open", async || {
        sqlx::query_scalar::<_, i64>(open).fetch_one(&observer).await.unwrap() == 0
    })
    .await;
    // All at once: each of them can be had, and is clean.
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = soon(pool.acquire()).await.unwrap();
        assert_no_transaction(&mut connection).await;
        connections.push(connection);
    }
}
