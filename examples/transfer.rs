//! A bank on SQLite: each transfer of a CSV file is one transaction, and each transaction is one `async_with!` block.
//!
//! What it shows: the block in [`apply_next`] is left in seven ways: by its end, `return`, `?`, `continue`, `break`, a
//! panic, and by being cancelled. None of these ways mentions the transaction, and yet none leaves
//! it open: the manager `pool.transaction()` commits or rolls back, in one place, knowing how the block was left.
//! `own_manager` is the same program with that manager written out.
//!
//! ```text
//! cargo run --example transfer
//! cargo run --example transfer -- my-transfers.csv --database bank.db
//! ```
//!
//! The rows say what to do: `pay` moves money, `skip` is passed over, `stop` ends the run. A payment may move nothing
//! (`return`), name an unknown account or lack the funds (`?`), exceed the limit (a panic), or go to the sloths, whose
//! bank does not answer in time (cancelled).

mod bank;

use std::process::ExitCode;
use std::sync::Arc;

use std::convert::Infallible;

use async_with::managers::PoolExt;
use async_with::{AsyncContextManager, Outcome, async_with};
use bank::{Action, Bank, Exit, Log, Progress, Queue, Row, TransferError};

#[tokio::main]
async fn main() -> ExitCode {
    bank::main(apply_next).await
}

/// Applies the next transfer. This is what the example is about.
async fn apply_next(bank: Bank, queue: Arc<Queue>) -> Result<Progress, TransferError> {
    while let Some(row) = queue.take() {
        // Locked from the beginning: the balance that a transfer reads is the one that it changes.
        let transaction = bank.pool.transaction().begin_with("BEGIN IMMEDIATE");
        async_with!(Record::new(&bank, row), transaction as tx, {
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

/// A manager of one's own beside that of the crate, for the report: it writes down how its block was left.
///
/// It is the outer one, so its exit comes last: told of a success, it knows that the transaction has been committed.
struct Record {
    row: usize,
    log: Arc<Log>,
}

impl Record {
    fn new(bank: &Bank, row: &Row) -> Self {
        Self { row: row.number, log: Arc::clone(&bank.log) }
    }
}

impl AsyncContextManager for Record {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), told: Outcome) -> Result<(), Infallible> {
        let done = if told.is_success() { "committed" } else { "rolled back" };
        self.log.write(self.row, Exit { told, done });
        Ok(())
    }
}
