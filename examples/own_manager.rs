//! A bank on SQLite: each transfer of a CSV file is one transaction, and each transaction is one `async_with!` block.
//!
//! This is the example `transfer` with a manager of one's own in place of `pool.transaction()`. It prints the same.
//!
//! What it shows: the block in [`apply_next`] is left in seven ways: by its end, `return`, `?`, `continue`, `break`, a
//! panic, and by being cancelled. None of these ways mentions the transaction, and yet none leaves
//! it open: the manager [`Transaction`] commits or rolls back, in one place, knowing how the block was left.
//!
//! ```text
//! cargo run --example own_manager
//! cargo run --example own_manager -- my-transfers.csv --database bank.db
//! ```
//!
//! The rows say what to do: `pay` moves money, `skip` is passed over, `stop` ends the run. A payment may move nothing
//! (`return`), name an unknown account or lack the funds (`?`), exceed the limit (a panic), or go to the sloths, whose
//! bank does not answer in time (cancelled).

mod bank;

use std::process::ExitCode;
use std::sync::Arc;

use async_with::{AsyncContextManager, Outcome, async_with};
use bank::{Action, Bank, Exit, Log, Progress, Queue, Row, TransferError, Tx};
use sqlx::SqlitePool;

#[tokio::main]
async fn main() -> ExitCode {
    bank::main(apply_next).await
}

/// Applies the next transfer. This is what the example is about.
async fn apply_next(bank: Bank, queue: Arc<Queue>) -> Result<Progress, TransferError> {
    while let Some(row) = queue.take() {
        async_with!(Transaction::new(&bank, row) as tx, {
            bank::note(tx, row).await?;
            match row.action {
                Action::Skip => continue,
                Action::Stop => break,
                Action::Pay => {}
            }
            if row.amount == 0 {
                return Ok(Progress::Applied("nothing to move"));
            }
            bank::withdraw(tx, &row.from, row.amount).await?;
            // The money has left one account and reached none. Each way out from here on has to put it right.
            bank::check_limit(row);
            bank::deposit(tx, &row.to, row.amount).await?;
            bank::confirmation_from(&row.to).await;
        })?; // what the transaction itself reported: the begin or the commit failed
        return Ok(Progress::Applied("paid"));
    }
    Ok(Progress::Finished)
}

/// The context manager: a transaction that commits on success, and rolls back on everything else.
struct Transaction {
    pool: SqlitePool,
    row: usize,
    log: Arc<Log>,
}

impl Transaction {
    fn new(bank: &Bank, row: &Row) -> Self {
        Self { pool: bank.pool.clone(), row: row.number, log: Arc::clone(&bank.log) }
    }
}

impl AsyncContextManager for Transaction {
    type Value = Tx;
    type Error = sqlx::Error;

    async fn enter(&mut self) -> Result<Tx, sqlx::Error> {
        // Locked from the beginning: the balance that a transfer reads is the one that it changes.
        self.pool.begin_with("BEGIN IMMEDIATE").await
    }

    async fn exit(self, tx: Tx, told: Outcome) -> Result<(), sqlx::Error> {
        let (result, done) = if told.is_success() {
            (tx.commit().await, "committed")
        } else {
            (tx.rollback().await, "rolled back")
        };
        let done = if result.is_ok() { done } else { "unknown" };
        self.log.write(self.row, Exit { told, done });
        result
    }
}
