//! How a transaction ends on SQLite, which may have ended it by itself: `ON CONFLICT ROLLBACK`, a full disk.
//!
//! sqlx counts transactions and savepoints, and a `COMMIT` or `ROLLBACK` that fails leaves its count as it was, for as long
//! as the connection lives: what the next user takes for a transaction is then a savepoint, in a transaction that nobody ends.
//! The count goes down only when sqlx ends a transaction, so there is always one for that, if need be a new and empty one.

use sqlx::{ConnectOptions, Connection, Database, Executor, Pool, Transaction};
use sqlx_core::transaction::TransactionManager;

use crate::Outcome;

pub(super) const NAME: &str = "SQLite";

/// Ends the transaction and gives back its connection.
pub(super) async fn end<DB: Database>(
    mut tx: Transaction<'static, DB>,
    outcome: Outcome,
    pool: &Pool<DB>,
) -> Result<(), sqlx::Error>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let committed = if !outcome.is_success() {
        Ok(())
    } else if DB::TransactionManager::get_transaction_depth(&tx) == 1 {
        // Counts down, if it succeeds; then all is done. If it fails, the count is as it was.
        match DB::TransactionManager::commit(&mut tx).await {
            Ok(()) => return Ok(()),
            failed => failed,
        }
    } else {
        tx.execute("COMMIT").await.map(drop)
    };
    let begun = tx.execute("BEGIN").await.is_ok();
    if !tx.is_in_transaction() {
        // A savepoint that was cut while it was set has rolled back everything, and sqlx knows.
        if begun {
            tx.execute("ROLLBACK").await?;
        }
        return committed;
    }
    let ended_by_itself = begun && !(outcome.is_success() && committed.is_ok());
    if ended_by_itself && !is_counted_once::<DB>(&mut tx).await? {
        replace(&mut tx, pool).await?;
        return committed;
    }
    committed.and(tx.rollback().await)
}

/// Whether the count is one. It is more if the transaction has ended in a savepoint, which then could not be left.
async fn is_counted_once<DB: Database>(connection: &mut DB::Connection) -> Result<bool, sqlx::Error>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut savepoint = connection.begin().await?;
    let is_first = savepoint.execute("ROLLBACK TO SAVEPOINT _sqlx_savepoint_1").await.is_ok();
    savepoint.rollback().await?;
    Ok(is_first)
}

/// Puts a new connection in the place of one whose count cannot be mended.
async fn replace<DB: Database>(
    tx: &mut Transaction<'static, DB>,
    pool: &Pool<DB>,
) -> Result<(), sqlx::Error> {
    let new = pool.connect_options().connect().await?;
    std::mem::replace(&mut **tx, new).close_hard().await
}
