//! Transactions by `pool.transaction()` against the same written by hand with sqlx, on SQLite and PostgreSQL.
//!
//! Each transaction changes the balance of a random account and reads it again. On SQLite there is one connection, as there is
//! one writer, in WAL mode without a sync at each commit. PostgreSQL is a server that is started for this on a Unix socket and
//! thrown away; it does not sync either. So the databases take as little time as they can, and what is around them shows.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![cfg_attr(not(unix), allow(dead_code, unused_imports, reason = "the server is started on Unix only"))]

use std::time::Duration;

use async_with::async_with;
use async_with::managers::PoolExt;
use clap::Parser;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgPool, SqlitePool};
use workloads::slices::{Comparison, Slice, order, slice};

#[cfg(unix)]
#[path = "../../tests/common/postgres.rs"]
#[allow(dead_code, reason = "the tests also stop and kill it")]
#[allow(clippy::duration_suboptimal_units, reason = "the tests are for older compilers too")]
mod cluster;

const ACCOUNTS: i32 = 10_000;

/// Transactions by `pool.transaction()` against the same written by hand with sqlx.
#[derive(Parser)]
struct Args {
    /// How many tasks make transactions side by side.
    #[arg(long, value_delimiter = ',', default_value = "1,32")]
    tasks: Vec<usize>,
    /// How long each slice of time is.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How many slices each contender has.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How many connections the pool of PostgreSQL has.
    #[arg(long, default_value_t = 8)]
    connections: u32,
    /// Only this database.
    #[arg(long)]
    only: Option<Database>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
}

const NAMES: [&str; 2] = ["by hand", "pool.transaction()"];

/// PostgreSQL takes the commit of a transaction that has failed for a success, and rolls back. `pool.transaction()` asks before
/// each commit whether that is so.
const NAMES_POSTGRES: [&str; 3] = [NAMES[0], NAMES[1], "by hand, asking before the commit"];

/// The contenders, over one kind of database.
macro_rules! contenders {
    ($module:ident, $pool:ident, $connection:ident, $names:ident, |$tx:ident| $ask:block) => {
        mod $module {
            use super::*;
            use sqlx::{Executor, $connection};

            async fn change(connection: &mut $connection) -> Result<i64, sqlx::Error> {
                let account = fastrand::i32(0..ACCOUNTS);
                let update = sqlx::query("UPDATE account SET balance = balance + 1 WHERE id = $1");
                update.bind(account).execute(&mut *connection).await?;
                let select = sqlx::query_scalar("SELECT balance FROM account WHERE id = $1");
                select.bind(account).fetch_one(connection).await
            }

            async fn by_hand(pool: &$pool) -> Result<i64, sqlx::Error> {
                let mut tx = pool.begin().await?;
                match change(&mut tx).await {
                    Ok(balance) => {
                        tx.commit().await?;
                        Ok(balance)
                    }
                    Err(error) => {
                        tx.rollback().await?;
                        Err(error)
                    }
                }
            }

            async fn block(pool: &$pool) -> Result<i64, sqlx::Error> {
                async_with!(pool.transaction() as tx => { change(tx).await? })
            }

            async fn asking(pool: &$pool) -> Result<i64, sqlx::Error> {
                let mut $tx = pool.begin().await?;
                match change(&mut $tx).await {
                    Ok(balance) => {
                        $ask
                        $tx.commit().await?;
                        Ok(balance)
                    }
                    Err(error) => {
                        $tx.rollback().await?;
                        Err(error)
                    }
                }
            }

            pub async fn fill(pool: &$pool) -> Result<(), sqlx::Error> {
                pool.execute("CREATE TABLE account (id integer PRIMARY KEY, balance bigint NOT NULL)").await?;
                let mut tx = pool.begin().await?;
                for account in 0..ACCOUNTS {
                    let insert = sqlx::query("INSERT INTO account VALUES ($1, 0)").bind(account);
                    insert.execute(&mut *tx).await?;
                }
                tx.commit().await
            }

            /// The slices of each contender.
            pub async fn compare(
                pool: &$pool,
                tasks: usize,
                args: &Args,
            ) -> Result<Vec<Vec<Slice>>, sqlx::Error> {
                let length = Duration::from_secs_f64(args.seconds);
                let mut slices = vec![Vec::new(); $names.len()];
                // The first round is to get warm.
                for round in 0..=args.rounds {
                    for contender in order($names.len(), round) {
                        let pool = pool.clone();
                        let work = async move |pool: &$pool| match contender {
                            0 => by_hand(pool).await,
                            1 => block(pool).await,
                            _ => asking(pool).await,
                        };
                        let seen = slice(tasks, length, move |_| {
                            let pool = pool.clone();
                            async move { work(&pool).await.map(drop) }
                        });
                        let seen = seen.await?;
                        if round > 0 {
                            slices[contender].push(seen);
                        }
                    }
                }
                Ok(slices)
            }
        }
    };
}

contenders!(sqlite, SqlitePool, SqliteConnection, NAMES, |tx| {});
contenders!(postgres, PgPool, PgConnection, NAMES_POSTGRES, |tx| {
    tx.execute("SELECT 1").await?;
});

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut comparison = Comparison::default();
    let wanted = |database| args.only.is_none_or(|only| only == database);
    if wanted(Database::Sqlite) {
        let folder = tempfile::tempdir()?;
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("bank.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlite::fill(&pool).await?;
        for tasks in &args.tasks {
            comparison.add("SQLite", *tasks, &NAMES, &sqlite::compare(&pool, *tasks, &args).await?);
        }
        pool.close().await;
    }
    #[cfg(unix)]
    if wanted(Database::Postgres) {
        let cluster = cluster::Cluster::start()?;
        let pool =
            PgPoolOptions::new().max_connections(args.connections).connect(&cluster.url("postgres")).await?;
        postgres::fill(&pool).await?;
        for tasks in &args.tasks {
            comparison.add(
                "PostgreSQL",
                *tasks,
                &NAMES_POSTGRES,
                &postgres::compare(&pool, *tasks, &args).await?,
            );
        }
        pool.close().await;
    }
    comparison.print(NAMES[0]);
    Ok(())
}
