//! A bank on SQLite, and what its examples have in common: all but the block and its manager.

mod report;
mod transfers;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use clap::Parser;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Sqlite, SqlitePool};
use thiserror::Error;
use tokio::task::JoinError;
use tokio::time::timeout;

pub use report::{Exit, Log, Report};
pub use transfers::{Action, File, Queue, Row, RunError};

/// What a manager lends to the block.
pub type Tx = sqlx::Transaction<'static, Sqlite>;

/// How long a transfer may take. Nothing but a counterparty that does not answer comes near it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one transfer may move at most.
const LIMIT: u32 = 10_000;

/// The accounts of a new bank.
const ACCOUNTS: [(&str, u32); 5] =
    [("alice", 100), ("bob", 50), ("carol", 20), ("acme", 1_000_000), ("sloth", 0)];

/// Applies the transfers in a CSV file to a bank, each in a transaction of its own.
#[derive(Parser)]
struct Args {
    /// The transfers: columns action (pay, skip or stop), from, to, amount.
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/transfers.csv"))]
    transfers: PathBuf,
    /// Keep the bank in this file; one that is there already is gone on with.
    #[arg(long, value_name = "PATH")]
    database: Option<PathBuf>,
}

/// Reads the arguments, applies the transfers and prints the report.
pub async fn main<F>(apply_next: impl Fn(Bank, Arc<Queue>) -> F) -> ExitCode
where
    F: Future<Output = Result<Progress, TransferError>> + Send + 'static,
{
    match run(&Args::parse(), apply_next).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row of the file could be understood, and no money was lost or made.
async fn run<F>(args: &Args, apply_next: impl Fn(Bank, Arc<Queue>) -> F) -> Result<bool, RunError>
where
    F: Future<Output = Result<Progress, TransferError>> + Send + 'static,
{
    let file = File::read(&args.transfers)?;
    for malformed in &file.malformed {
        eprintln!("error: {}, {malformed}", args.transfers.display());
    }

    // The folder goes when this function ends, so it is kept by name.
    let folder = tempfile::tempdir()?;
    let database = args.database.clone().unwrap_or_else(|| folder.path().join("bank.db"));
    let bank = Bank::open(&database).await?;
    let before = bank.total().await?;
    let queue = Arc::new(Queue { rows: file.rows, taken: AtomicUsize::new(0) });
    let applied = apply_all(&bank, &queue, apply_next).await;

    // The exits of cancelled blocks run detached. They have to end before the books are read, and before the runtime ends.
    async_with::settle().await;
    let reasons = applied?;

    let balances = bank.balances().await?;
    let after = bank.total().await?;
    let report = Report { rows: &queue.rows, reasons, log: &bank.log, balances, before, after };
    io::stdout().write_all(report.to_string().as_bytes())?;
    bank.pool.close().await;
    Ok(file.malformed.is_empty() && before == after)
}

/// Applies all transfers, and says for each row that came to an end why it ended as it did.
async fn apply_all<F>(
    bank: &Bank,
    queue: &Arc<Queue>,
    apply_next: impl Fn(Bank, Arc<Queue>) -> F,
) -> Result<BTreeMap<usize, String>, sqlx::Error>
where
    F: Future<Output = Result<Progress, TransferError>> + Send + 'static,
{
    let mut reasons = BTreeMap::new();
    loop {
        // A task of its own, so that a panic ends the task and not the program.
        let transfer = timeout(PATIENCE, apply_next(bank.clone(), Arc::clone(queue)));
        let reason = match tokio::spawn(transfer).await {
            Ok(Ok(Ok(Progress::Applied(how)))) => how.to_owned(),
            Ok(Ok(Ok(Progress::Finished))) => return Ok(reasons),
            // A database that fails is no row's fault: the rows after it would fail as well.
            Ok(Ok(Err(TransferError::Database(error)))) => return Err(error),
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(_elapsed)) => format!("no answer within {PATIENCE:?}"),
            Err(error) => panic_message(error),
        };
        reasons.extend(queue.last_taken().map(|row| (row.number, reason)));
    }
}

fn panic_message(error: JoinError) -> String {
    // Nobody aborts the task, so it can only have panicked.
    let payload = error.into_panic();
    let message = payload.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| payload.downcast_ref::<&str>().copied());
    format!("panicked: {}", message.unwrap_or("not with a text"))
}

/// How far the next transfer came.
pub enum Progress {
    Applied(&'static str),
    Finished,
}

#[derive(Clone)]
pub struct Bank {
    pub pool: SqlitePool,
    pub log: Arc<Log>,
}

impl Bank {
    pub async fn open(database: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePool::connect_with(options).await?;
        sqlx::raw_sql(
            "CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, balance INTEGER NOT NULL) STRICT;
             CREATE TABLE IF NOT EXISTS journal (
                 id INTEGER PRIMARY KEY, number INTEGER NOT NULL, payer TEXT NOT NULL, payee TEXT NOT NULL,
                 amount INTEGER NOT NULL
             ) STRICT;",
        )
        .execute(&pool)
        .await?;
        for (name, balance) in ACCOUNTS {
            let insert = "INSERT OR IGNORE INTO account (name, balance) VALUES (?, ?)";
            sqlx::query(insert).bind(name).bind(balance).execute(&pool).await?;
        }
        Ok(Self { pool, log: Arc::default() })
    }

    pub async fn balances(&self) -> Result<Vec<(String, i64)>, sqlx::Error> {
        sqlx::query_as("SELECT name, balance FROM account ORDER BY name").fetch_all(&self.pool).await
    }

    pub async fn total(&self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT SUM(balance) FROM account").fetch_one(&self.pool).await
    }
}

#[derive(Debug, Error)]
pub enum TransferError {
    #[error("there is no account `{0}`")]
    UnknownAccount(String),
    #[error("`{name}` has only {balance}")]
    InsufficientFunds { name: String, balance: i64 },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Enters the row in the journal. The entry stays only if the transaction commits.
pub async fn note(tx: &mut Tx, row: &Row) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO journal (number, payer, payee, amount) VALUES (?, ?, ?, ?)";
    let number = i64::try_from(row.number).unwrap_or(i64::MAX);
    let insert = sqlx::query(insert).bind(number).bind(&row.from).bind(&row.to).bind(row.amount);
    insert.execute(&mut **tx).await?;
    Ok(())
}

pub async fn withdraw(tx: &mut Tx, name: &str, amount: u32) -> Result<(), TransferError> {
    let select = sqlx::query_scalar("SELECT balance FROM account WHERE name = ?").bind(name);
    let balance: Option<i64> = select.fetch_optional(&mut **tx).await?;
    let balance = balance.ok_or_else(|| TransferError::UnknownAccount(name.to_owned()))?;
    if balance < i64::from(amount) {
        return Err(TransferError::InsufficientFunds { name: name.to_owned(), balance });
    }
    let update =
        sqlx::query("UPDATE account SET balance = balance - ? WHERE name = ?").bind(amount).bind(name);
    update.execute(&mut **tx).await?;
    Ok(())
}

pub async fn deposit(tx: &mut Tx, name: &str, amount: u32) -> Result<(), TransferError> {
    let update =
        sqlx::query("UPDATE account SET balance = balance + ? WHERE name = ?").bind(amount).bind(name);
    match update.execute(&mut **tx).await?.rows_affected() {
        0 => Err(TransferError::UnknownAccount(name.to_owned())),
        _ => Ok(()),
    }
}

/// A check by assertion, as it is found in real code: it panics in the middle of the transaction.
pub fn check_limit(row: &Row) {
    assert!(row.amount <= LIMIT, "the limit is {LIMIT}");
}

/// Waits until the bank of the payee has agreed.
pub async fn confirmation_from(payee: &str) {
    if payee == "sloth" {
        std::future::pending::<()>().await;
    }
}
