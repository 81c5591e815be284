//! `pool.transaction()` and `tx.savepoint()` on SQLite, and what is special about them there.

#![cfg(all(feature = "tokio", feature = "__sqlx"))]
#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "common/transactions.rs"]
mod scenarios;

use std::time::Duration;

use async_with::managers::{PoolExt, TransactionExt};
use async_with::{async_with, settle};
use futures::FutureExt;
use scenarios::{cut, transaction_tests};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection, SqlitePool};
use tempfile::TempDir;

async fn open(connections: u32) -> (TempDir, SqlitePool) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(folder.path().join("test.db")).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(connections).connect_with(options).await.unwrap();
    let tables = "CREATE TABLE entry (n INTEGER NOT NULL UNIQUE) STRICT;
        CREATE TABLE child (n INTEGER REFERENCES entry (n) DEFERRABLE INITIALLY DEFERRED) STRICT";
    sqlx::raw_sql(tables).execute(&pool).await.unwrap();
    (folder, pool)
}

/// SQLite does not begin a transaction in a transaction.
async fn assert_no_transaction(connection: &mut SqliteConnection) {
    connection.execute("BEGIN").await.unwrap();
    connection.execute("ROLLBACK").await.unwrap();
}

/// What `future` gives, which must not take long.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("it takes no time")
}

mod as_everywhere {
    use super::*;

    transaction_tests!(Sqlite, #[allow(clippy::used_underscore_binding, reason = "nothing: one attribute is needed")]);
}

/// A statement may end the whole transaction, behind the back of sqlx.
mod a_transaction_that_sqlite_has_ended {
    use super::*;

    const CONFLICT: &str = "INSERT OR ROLLBACK INTO entry VALUES (1), (1)";

    async fn is_usable(pool: &SqlitePool) {
        let one = async_with!(pool.transaction().begin_with("BEGIN IMMEDIATE") as tx => {
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM entry").fetch_one(&mut **tx).await.unwrap()
        });
        assert_eq!(soon(async { one }).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn is_not_reported_as_committed() {
        let (_folder, pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            tx.execute("INSERT INTO entry VALUES (7)").await.unwrap();
            tx.execute(CONFLICT).await.unwrap_err();
        });
        let error = block.unwrap_err().to_string();
        assert!(error.contains("no transaction is active"), "{error}");
        is_usable(&pool).await;
    }

    #[tokio::test]
    async fn is_rolled_back_without_complaint() {
        let (_folder, pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            tx.execute("INSERT INTO entry VALUES (7)").await.unwrap();
            tx.execute(CONFLICT).await
        });
        block.unwrap().unwrap_err();
        is_usable(&pool).await;
    }

    #[tokio::test]
    async fn inside_a_savepoint_is_reported_by_both() {
        let (_folder, pool) = open(1).await;
        let block = async_with!(pool.transaction() as tx => {
            let part = async_with!(tx.savepoint() as part => {
                let nested = async_with!(part.savepoint() as nested => { nested.execute(CONFLICT).await });
                nested.unwrap().unwrap_err();
            });
            part.unwrap_err();
        });
        block.unwrap_err();
        is_usable(&pool).await;
    }
}

#[tokio::test]
async fn a_database_that_is_locked_is_reported_and_can_be_tried_again() {
    let (_folder, pool) = open(1).await;
    let options = (*pool.connect_options()).clone().busy_timeout(Duration::ZERO);
    let other = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    async_with!(pool.transaction().begin_with("BEGIN IMMEDIATE") => {
        let locked: Result<(), _> =
            async_with!(other.transaction().begin_with("BEGIN IMMEDIATE") => { unreachable!() });
        let error = locked.unwrap_err();
        assert_eq!(error.to_string(), "error returned from database: (code: 5) database is locked");
    })
    .unwrap();
    async_with!(other.transaction().begin_with("BEGIN IMMEDIATE") => {}).unwrap();
}
