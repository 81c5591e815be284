//! Transactions on SQLite: money is conserved, and what was reported as committed is there.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use async_with::async_with;
use async_with::managers::PoolExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Executor, Row, SqlitePool};

use crate::common::example::built;
use crate::common::files::eventually;
use crate::common::kills::{Random, Worker, kills, say_done};

/// What is in the bank, where `account (name, balance)` and `journal (payer, payee, amount, …)` are.
struct Books {
    balances: BTreeMap<String, i64>,
    /// By their numbers.
    payments: Vec<(i64, String, String, i64)>,
}

impl Books {
    /// Opens the database, as the first who does so after the kill, and closes it again.
    async fn of(database: &Path) -> Self {
        let mut connection = SqliteConnectOptions::new().filename(database).connect().await.unwrap();
        let sound: String =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
        assert_eq!(sound, "ok");
        let balances = "SELECT name, balance FROM account";
        let payments = "SELECT number, payer, payee, amount FROM journal ORDER BY id";
        Self {
            balances: connection
                .fetch_all(balances)
                .await
                .unwrap()
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect(),
            payments: sqlx::query_as(payments).fetch_all(&mut connection).await.unwrap(),
        }
    }

    /// Each payment that is in the journal was made as a whole, and no other: the balances are what they were `before`, and the
    /// payments.
    #[track_caller]
    fn assert_balanced(&self, before: &BTreeMap<String, i64>) {
        let mut expected = before.clone();
        for (_, payer, payee, amount) in &self.payments {
            *expected.get_mut(payer).unwrap() -= amount;
            *expected.get_mut(payee).unwrap() += amount;
        }
        assert_eq!(self.balances, expected);
        assert_eq!(self.balances.values().sum::<i64>(), before.values().sum::<i64>());
    }
}

/// More transfers than the example gets done before it is killed. Each tenth cannot be made: its money is not there, its payee
/// does not exist, or it is too much for the limit.
fn csv() -> String {
    let mut csv = "action,from,to,amount\n".to_owned();
    for number in 1..=20_000 {
        let row = match number % 40 {
            10 => "pay,sloth,alice,5000",
            20 => "pay,acme,nobody,5",
            30 => "pay,acme,bob,20000",
            0 => "skip,alice,bob,0",
            n if n % 2 == 0 => "pay,acme,alice,3",
            _ => "pay,acme,carol,2",
        };
        writeln!(csv, "{row}").unwrap();
    }
    csv
}

#[tokio::test]
async fn of_the_example_that_is_killed_are_whole() {
    let (mut random, kills) = (Random::new(), kills(20));
    let example = built("transfer");
    let folder = tempfile::tempdir().unwrap();
    let (database, transfers) = (folder.path().join("bank.db"), folder.path().join("transfers.csv"));
    let start = || {
        let mut command = Command::new(&example);
        command.arg(&transfers).arg("--database").arg(&database).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    // The bank is opened in peace.
    fs::write(&transfers, "action,from,to,amount\n").unwrap();
    assert!(start().wait().unwrap().success());
    let before = Books::of(&database).await;
    assert!(before.payments.is_empty());
    fs::write(&transfers, csv()).unwrap();

    // The log of what is committed. It is gone when the last one closes the database, so it tells what this process does.
    let log = folder.path().join("bank.db-wal");
    let written = || fs::metadata(&log).map_or(0, |log| log.len());
    let (mut payments, mut got_somewhere) = (0, 0);
    for _ in 0..kills {
        let enough = 1 + u64::try_from(random.below(500_000)).unwrap();
        let mut bank = start();
        eventually("it transfers", || written() >= enough);
        sleep(random.moment(Duration::from_millis(20)));
        assert!(bank.try_wait().unwrap().is_none(), "it is at it");
        bank.kill().unwrap();
        bank.wait().unwrap();

        let books = Books::of(&database).await;
        books.assert_balanced(&before.balances);
        let impossible = books.payments.iter().find(|(number, ..)| matches!(number % 40, 10 | 20 | 30));
        assert!(impossible.is_none(), "{impossible:?}");
        got_somewhere += usize::from(books.payments.len() > payments);
        payments = books.payments.len();
    }
    assert!(got_somewhere > kills / 2, "most are killed after their first payment");
    println!("{kills} kills, {got_somewhere} of them after payments were made; {payments} payments");
}

#[derive(Debug)]
enum Failed {
    OnPurpose,
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

const PEOPLE: [&str; 3] = ["Ann", "Bob", "Eve"];

/// The third payment of three fails half-way.
async fn pay(pool: &SqlitePool, number: i64, random: &mut Random) -> Result<(), Failed> {
    let [from, to] = [(); 2].map(|()| PEOPLE[random.below(PEOPLE.len())]);
    let amount = i64::try_from(random.below(1000)).unwrap();
    let give = "UPDATE account SET balance = balance + ? WHERE name = ?";
    async_with!(pool.transaction() as tx => {
        sqlx::query(give).bind(-amount).bind(from).execute(&mut **tx).await?;
        if number % 3 == 0 {
            return Err(Failed::OnPurpose);
        }
        sqlx::query(give).bind(amount).bind(to).execute(&mut **tx).await?;
        let note = "INSERT INTO journal (number, payer, payee, amount) VALUES (?, ?, ?, ?)";
        let note = sqlx::query(note).bind(number).bind(from).bind(to).bind(amount);
        note.execute(&mut **tx).await?;
    })?;
    Ok(())
}

async fn open(database: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(database).create_if_missing(true);
    let pool = SqlitePool::connect_with(options.journal_mode(SqliteJournalMode::Wal)).await.unwrap();
    let tables =
        "CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, balance INTEGER NOT NULL) STRICT;
        CREATE TABLE IF NOT EXISTS journal (
            id INTEGER PRIMARY KEY, number INTEGER NOT NULL, payer TEXT NOT NULL, payee TEXT NOT NULL,
            amount INTEGER NOT NULL
        ) STRICT;
        INSERT OR IGNORE INTO account VALUES ('Ann', 1000), ('Bob', 1000), ('Eve', 1000)";
    sqlx::raw_sql(tables).execute(&pool).await.unwrap();
    pool
}

/// In the process that is killed: makes payments as fast as it can, and says which are committed.
async fn pay_for_ever(database: &Path) {
    let pool = open(database).await;
    let last: Option<i64> =
        sqlx::query_scalar("SELECT max(number) FROM journal").fetch_one(&pool).await.unwrap();
    for number in last.unwrap_or(0) + 1.. {
        let mut random = Random::from_seed(number.unsigned_abs());
        match pay(&pool, number, &mut random).await {
            Ok(()) => say_done(number.unsigned_abs()),
            Err(Failed::OnPurpose) => {}
            Err(Failed::Database(error)) => panic!("{error}"),
        }
    }
}

const DATABASE: &str = "ASYNC_WITH_TEST_DATABASE";

#[tokio::test]
async fn that_were_reported_before_the_kill_are_there_after_it() {
    if let Some(database) = env::var_os(DATABASE) {
        return pay_for_ever(Path::new(&database)).await;
    }
    let (mut random, kills) = (Random::new(), kills(20));
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("bank.db");
    open(&database).await.close().await;
    let before = Books::of(&database).await.balances;
    let (mut reported, mut not_reported) = (0, 0);
    for _ in 0..kills {
        let test = "transfers::that_were_reported_before_the_kill_are_there_after_it";
        let bank = Worker::start(test, DATABASE, &database);
        for _ in 0..=random.below(20) {
            reported = bank.done().expect("it is at it");
        }
        sleep(random.moment(Duration::from_millis(5)));
        reported = bank.kill().unwrap_or(reported);

        let books = Books::of(&database).await;
        books.assert_balanced(&before);
        let found: Vec<_> = books.payments.iter().map(|(number, ..)| number.unsigned_abs()).collect();
        let possible: Vec<_> = (1..).filter(|number| number % 3 != 0).take(found.len()).collect();
        assert_eq!(found, possible, "all that were committed, once");
        let later = found.iter().filter(|number| **number > reported).count();
        assert!(
            found.contains(&reported) && later <= 1,
            "{reported} was reported, the last is {:?}",
            found.last()
        );
        not_reported += later;
    }
    println!("{kills} kills, {not_reported} between a commit and its report; {reported} payments");
}
