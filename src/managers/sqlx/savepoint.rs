use sqlx::{Database, Executor, Transaction};

use super::transaction::usable;
use crate::{LocalAsyncContextManager, Outcome};

/// What every transaction of `sqlx` can do besides.
pub trait TransactionExt {
    /// The database of the transaction.
    type Database: Database;

    /// A part of the transaction that can fail by itself, for one block: see [`Savepoint`].
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::async_with;
    /// use async_with::managers::{PoolExt, TransactionExt};
    /// use sqlx::SqlitePool;
    ///
    /// /// Adds all of the people whose name is not taken.
    /// async fn add(pool: &SqlitePool, names: &[&str]) -> Result<usize, sqlx::Error> {
    ///     let mut added = 0;
    ///     async_with!(pool.transaction() as tx => {
    ///         for name in names {
    ///             let person = async_with!(tx.savepoint() as part => {
    ///                 sqlx::query("INSERT INTO change VALUES (?)").bind(name).execute(&mut **part).await?;
    ///                 // A name that is taken takes its change with it, and no other.
    ///                 sqlx::query("INSERT INTO person VALUES (?)").bind(name).execute(&mut **part).await
    ///             })?;
    ///             added += usize::from(person.is_ok());
    ///         }
    ///         added
    ///     })
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    /// # let tables = "CREATE TABLE person (name TEXT NOT NULL UNIQUE); CREATE TABLE change (name TEXT NOT NULL)";
    /// # sqlx::raw_sql(tables).execute(&pool).await?;
    /// assert_eq!(add(&pool, &["Ann", "Bob", "Ann", "Eve"]).await?, 3);
    /// # let changes: i64 = sqlx::query_scalar("SELECT count(*) FROM change").fetch_one(&pool).await?;
    /// # assert_eq!(changes, 3);
    /// # Ok::<_, sqlx::Error>(())
    /// # }).unwrap();
    /// ```
    fn savepoint(&mut self) -> Savepoint<'_, Self::Database>;
}

impl<DB: Database> TransactionExt for Transaction<'_, DB> {
    type Database = DB;

    fn savepoint(&mut self) -> Savepoint<'_, DB> {
        Savepoint { connection: Some(&mut **self) }
    }
}

/// A part of a transaction that is kept when its block succeeds, and undone on everything else.
///
/// What it lends to its block is a transaction again, which can have savepoints of its own. The transaction around it can be
/// used again after the block.
///
/// # Errors
///
/// What the database reports about setting the savepoint, releasing it, or rolling back to it.
///
/// # Cancel safety
///
/// A block that is dropped in its body, while the transaction around it lives on, is undone before the next statement of that
/// transaction. But a future dropped while the savepoint is being set or left, which takes a round trip or two, may cost the
/// whole transaction (in sqlx 0.9): then its next statement fails, or has no transaction around it any more, and a
/// [`PoolTransaction`](super::PoolTransaction) reports an error in place of committing. So do not put a timeout around a
/// savepoint if you go on with the transaction after it; put it around both.
///
/// # Examples
///
/// See [`TransactionExt::savepoint`].
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Savepoint<'t, DB: Database> {
    connection: Option<&'t mut DB::Connection>,
}

impl<'t, DB: Database> LocalAsyncContextManager for Savepoint<'t, DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    type Value = Transaction<'t, DB>;
    type Error = sqlx::Error;

    async fn enter(&mut self) -> Result<Self::Value, sqlx::Error> {
        let connection = self.connection.take().expect("it is entered once");
        // sqlx rolls the whole transaction back where a savepoint cannot be set, and what comes after that runs outside of
        // any. So it is not tried in a transaction that has failed.
        usable::<DB>(&mut *connection).await?;
        Transaction::begin(connection, None).await
    }

    async fn exit(self, part: Self::Value, outcome: Outcome) -> Result<(), sqlx::Error> {
        if outcome.is_success() { part.commit().await } else { part.rollback().await }
    }

    // Abandoned, the transaction is dropped, and sqlx sends the rollback ahead of the next statement.
}
