//! A bank on `SQLite`: each transfer of a CSV file is one transaction, and each transaction is one `async_with!` block.
//!
//! What it shows: the block in [`apply_next`] is left in seven ways: by its end, `return`, `?`, `continue`, `break`, a
//! panic, and by being cancelled. None of these ways mentions the transaction, and yet none leaves
//! it open: the manager [`Transaction`] commits or rolls back, in one place, knowing how the block was left.
//!
//! ```text
//! cargo run --example transfer
//! cargo run --example transfer -- my-transfers.csv --database bank.db
//! ```
//!
//! The rows say what to do: `pay` moves money, `skip` is passed over, `stop` ends the run. A payment may move nothing
//! (`return`), name an unknown account or lack the funds (`?`), exceed the limit (a panic), or go to the sloths, whose
//! bank does not answer in time (cancelled).

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Sqlite, SqlitePool};
use thiserror::Error;
use tokio::task::JoinError;
use tokio::time::timeout;

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

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every row of the file could be understood, and no money was lost or made.
async fn run(args: &Args) -> Result<bool, RunError> {
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
    let applied = apply_all(&bank, &queue).await;

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
async fn apply_all(bank: &Bank, queue: &Arc<Queue>) -> Result<BTreeMap<usize, String>, sqlx::Error> {
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

/// How far [`apply_next`] came.
enum Progress {
    Applied(&'static str),
    Finished,
}

/// Applies the next transfer. This is what the example is about.
async fn apply_next(bank: Bank, queue: Arc<Queue>) -> Result<Progress, TransferError> {
    while let Some(row) = queue.take() {
        async_with!(bank.transaction(row) as tx => {
            note(tx, row).await?;
            match row.action {
                Action::Skip => continue,
                Action::Stop => break,
                Action::Pay => {}
            }
            if row.amount == 0 {
                return Ok(Progress::Applied("nothing to move"));
            }
            withdraw(tx, &row.from, row.amount).await?;
            // The money has left one account and reached none. Each way out from here on has to put it right.
            check_limit(row);
            deposit(tx, &row.to, row.amount).await?;
            confirmation_from(&row.to).await;
        })?; // what the transaction itself reported: the begin or the commit failed
        return Ok(Progress::Applied("paid"));
    }
    Ok(Progress::Finished)
}

/// What the manager lends to the block.
type Tx = sqlx::Transaction<'static, Sqlite>;

/// The context manager: a transaction that commits on success, and rolls back on everything else.
struct Transaction {
    pool: SqlitePool,
    row: usize,
    log: Arc<Log>,
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

/// What the exits were told and did, by row. Only exits write it, so the report cannot claim what did not happen.
#[derive(Default)]
struct Log(Mutex<BTreeMap<usize, Exit>>);

#[derive(Clone, Copy)]
struct Exit {
    told: Outcome,
    done: &'static str,
}

impl Log {
    fn write(&self, row: usize, exit: Exit) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(row, exit);
    }

    fn read(&self, row: usize) -> Option<Exit> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&row).copied()
    }
}

#[derive(Clone)]
struct Bank {
    pool: SqlitePool,
    log: Arc<Log>,
}

impl Bank {
    async fn open(database: &Path) -> Result<Self, sqlx::Error> {
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

    fn transaction(&self, row: &Row) -> Transaction {
        Transaction { pool: self.pool.clone(), row: row.number, log: Arc::clone(&self.log) }
    }

    async fn balances(&self) -> Result<Vec<(String, i64)>, sqlx::Error> {
        sqlx::query_as("SELECT name, balance FROM account ORDER BY name").fetch_all(&self.pool).await
    }

    async fn total(&self) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("SELECT SUM(balance) FROM account").fetch_one(&self.pool).await
    }
}

#[derive(Debug, Error)]
enum TransferError {
    #[error("there is no account `{0}`")]
    UnknownAccount(String),
    #[error("`{name}` has only {balance}")]
    InsufficientFunds { name: String, balance: i64 },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Enters the row in the journal. The entry stays only if the transaction commits.
async fn note(tx: &mut Tx, row: &Row) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO journal (number, payer, payee, amount) VALUES (?, ?, ?, ?)";
    let number = i64::try_from(row.number).unwrap_or(i64::MAX);
    let insert = sqlx::query(insert).bind(number).bind(&row.from).bind(&row.to).bind(row.amount);
    insert.execute(&mut **tx).await?;
    Ok(())
}

async fn withdraw(tx: &mut Tx, name: &str, amount: u32) -> Result<(), TransferError> {
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

async fn deposit(tx: &mut Tx, name: &str, amount: u32) -> Result<(), TransferError> {
    let update =
        sqlx::query("UPDATE account SET balance = balance + ? WHERE name = ?").bind(amount).bind(name);
    match update.execute(&mut **tx).await?.rows_affected() {
        0 => Err(TransferError::UnknownAccount(name.to_owned())),
        _ => Ok(()),
    }
}

/// A check by assertion, as it is found in real code: it panics in the middle of the transaction.
fn check_limit(row: &Row) {
    assert!(row.amount <= LIMIT, "the limit is {LIMIT}");
}

/// Waits until the bank of the payee has agreed.
async fn confirmation_from(payee: &str) {
    if payee == "sloth" {
        std::future::pending::<()>().await;
    }
}

/// The rows, and how many of them have been taken. Shared, because a task that panics or is cancelled hands nothing back.
struct Queue {
    rows: Vec<Row>,
    taken: AtomicUsize,
}

impl Queue {
    fn take(&self) -> Option<&Row> {
        self.rows.get(self.taken.fetch_add(1, Ordering::Relaxed))
    }

    fn last_taken(&self) -> Option<&Row> {
        self.rows.get(self.taken.load(Ordering::Relaxed).checked_sub(1)?)
    }
}

struct Row {
    /// Counted from 1, malformed rows included.
    number: usize,
    action: Action,
    from: String,
    to: String,
    amount: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Pay,
    Skip,
    Stop,
}

/// What a CSV file holds: the rows that could be understood, and what is wrong with the others.
struct File {
    rows: Vec<Row>,
    malformed: Vec<Malformed>,
}

#[derive(Debug, Error)]
#[error("line {line}: {problem}")]
struct Malformed {
    line: usize,
    problem: String,
}

#[derive(Debug, Error)]
enum RunError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}, line 1: the columns must be {}", path.display(), File::COLUMNS.join(","))]
    Columns { path: PathBuf },
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl File {
    const COLUMNS: [&str; 4] = ["action", "from", "to", "amount"];

    fn read(path: &Path) -> Result<Self, RunError> {
        let unreadable = |source| RunError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read(path).map_err(unreadable)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*text);
        if !reader.headers().is_ok_and(|columns| *columns == Self::COLUMNS[..]) {
            return Err(RunError::Columns { path: path.to_owned() });
        }
        let mut file = Self { rows: Vec::new(), malformed: Vec::new() };
        for (index, record) in reader.deserialize().enumerate() {
            match record {
                Ok((action, from, to, amount)) => {
                    file.rows.push(Row { number: index + 1, action, from, to, amount });
                }
                Err(error) => {
                    file.malformed
                        .push(Malformed { line: line_of(&error, &text), problem: problem_of(&error) });
                }
            }
        }
        Ok(file)
    }
}

/// The line of a malformed row. The reader's own count is that of where it began to look: blank lines before the row
/// and the second half of a CRLF come after it.
fn line_of(error: &csv::Error, text: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = error.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(text.len()));
    let skipped = text[start..].iter().take_while(|byte| is_end(byte)).count();
    text[..start + skipped].split(|&byte| byte == b'\n').count()
}

fn problem_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where {expected_len} are expected")
        }
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|field| File::COLUMNS.get(usize::try_from(field).ok()?));
            column.map_or(err.kind().to_string(), |column| format!("column {column}: {}", err.kind()))
        }
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}

/// What is printed at the end.
struct Report<'a> {
    rows: &'a [Row],
    reasons: BTreeMap<usize, String>,
    log: &'a Log,
    balances: Vec<(String, i64)>,
    before: i64,
    after: i64,
}

impl Report<'_> {
    fn why(&self, row: &Row, reached: bool) -> &str {
        match (self.reasons.get(&row.number), row.action) {
            _ if !reached => "not reached",
            (Some(reason), _) => reason,
            (None, Action::Skip) => "the row says skip",
            (None, Action::Stop) => "the row says stop",
            (None, Action::Pay) => "",
        }
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = new_table(&["row", "from", "to", "amount", "exit was told", "transaction", "why"]);
        let mut reached = true;
        for row in self.rows {
            let exit = self.log.read(row.number);
            let told = exit.map_or("-".to_owned(), |exit| format!("{:?}", exit.told));
            let done = exit.map_or("-", |exit| exit.done);
            let (number, amount) = (row.number.to_string(), row.amount.to_string());
            table.add_row([&number, &row.from, &row.to, &amount, &told, done, self.why(row, reached)]);
            reached &= !matches!(row.action, Action::Stop);
        }
        writeln!(f, "{table}\n")?;

        let mut balances = new_table(&["account", "balance"]);
        for (name, balance) in &self.balances {
            balances.add_row([name, &balance.to_string()]);
        }
        writeln!(f, "{balances}\n")?;

        let verdict = if self.before == self.after { "equal" } else { "NOT EQUAL" };
        writeln!(f, "all money before: {}, after: {}, {verdict}", self.before, self.after)
    }
}

/// An empty table whose columns of numbers are aligned to the right.
fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for (column, name) in table.column_iter_mut().zip(header) {
        if matches!(*name, "row" | "amount" | "balance") {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
