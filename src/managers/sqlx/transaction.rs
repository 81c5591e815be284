use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Executor, Pool, SqlSafeStr, SqlStr, Transaction};

use super::sqlite;
use crate::{AsyncContextManager, AsyncContextManagerExt, Outcome};

/// What every pool of `sqlx` can do besides.
pub trait PoolExt {
    /// The database of the pool.
    type Database: Database;

    /// A transaction on a connection of the pool, for one block: see [`PoolTransaction`].
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::async_with;
    /// use async_with::managers::PoolExt;
    /// use sqlx::SqlitePool;
    ///
    /// async fn rename(pool: &SqlitePool, from: &str, to: &str) -> Result<(), sqlx::Error> {
    ///     async_with!(pool.transaction() as tx => {
    ///         let delete = sqlx::query("DELETE FROM person WHERE name = ?").bind(from);
    ///         if delete.execute(&mut **tx).await?.rows_affected() == 0 {
    ///             return Ok(()); // nobody has this name: commits nothing
    ///         }
    ///         sqlx::query("INSERT INTO person VALUES (?)").bind(to).execute(&mut **tx).await?;
    ///     })
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// # let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    /// # let table = "CREATE TABLE person (name TEXT NOT NULL UNIQUE); INSERT INTO person VALUES ('Ann'), ('Bob')";
    /// # sqlx::raw_sql(table).execute(&pool).await?;
    /// rename(&pool, "Ann", "Eve").await?;
    /// assert!(rename(&pool, "Eve", "Bob").await.is_err()); // taken: the delete is rolled back
    /// # let names: Vec<String> = sqlx::query_scalar("SELECT name FROM person ORDER BY name").fetch_all(&pool).await?;
    /// # assert_eq!(names, ["Bob", "Eve"]);
    /// # Ok::<_, sqlx::Error>(())
    /// # }).unwrap();
    /// ```
    fn transaction(&self) -> PoolTransaction<Self::Database>;
}

impl<DB: Database> PoolExt for Pool<DB> {
    type Database = DB;

    fn transaction(&self) -> PoolTransaction<DB> {
        PoolTransaction { pool: self.clone(), statement: None }
    }
}

/// A transaction that is committed when its block succeeds, and rolled back on everything else.
///
/// It succeeds by its end, `return`, `break` or `continue`, unless what it leaves with is an `Err`. Both commit and rollback
/// are awaited, so that whoever has the connection next never meets an open transaction. Where the database gives up a
/// transaction by itself, and would take the commit as if nothing had been, the block gives an error: in PostgreSQL after
/// a statement that failed and whose error the body has swallowed (`25P02`; to ask costs one round trip before each
/// commit), in SQLite after `ON CONFLICT ROLLBACK`.
///
/// # Errors
///
/// What the pool reports about getting a connection ([`sqlx::Error::PoolTimedOut`], [`sqlx::Error::PoolClosed`], …), and
/// what the database reports about beginning, committing or rolling back. A connection on which one of them failed comes
/// back to the pool only if no transaction is open on it; otherwise it is closed.
///
/// # Cancel safety
///
/// A future dropped while it waits for a connection has done nothing. One that is dropped during `BEGIN` finishes that
/// detached, and rolls back: neither the connection nor the pool's place for it is lost. From then on the guarantee of
/// [`AsyncContextManager`] holds. A rollback has to wait for a statement that is still running.
///
/// # Examples
///
/// See [`PoolExt::transaction`].
#[derive(Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct PoolTransaction<DB: Database> {
    pool: Pool<DB>,
    statement: Option<SqlStr>,
}

impl<DB: Database> PoolTransaction<DB> {
    /// Begins with this statement in place of `BEGIN`.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::managers::{PoolExt, PoolTransaction};
    /// use sqlx::{Sqlite, SqlitePool};
    ///
    /// /// Locked from the beginning: what it reads is what it changes.
    /// fn immediate(pool: &SqlitePool) -> PoolTransaction<Sqlite> {
    ///     pool.transaction().begin_with("BEGIN IMMEDIATE")
    /// }
    /// ```
    pub fn begin_with(self, statement: impl SqlSafeStr) -> Self {
        Self { statement: Some(statement.into_sql_str()), ..self }
    }
}

impl<DB: Database> AsyncContextManager for PoolTransaction<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    type Value = Transaction<'static, DB>;
    type Error = sqlx::Error;

    async fn enter(&mut self) -> Result<Self::Value, sqlx::Error> {
        let connection = self.pool.acquire().await?;
        let begin = Begin {
            pool: self.pool.clone(),
            connection: Some(connection),
            statement: self.statement.clone(),
        };
        let mut begin = begin.finish_enter();
        AsyncContextManager::enter(&mut begin).await
    }

    async fn exit(self, tx: Self::Value, outcome: Outcome) -> Result<(), sqlx::Error> {
        end(tx, outcome, &self.pool).await
    }
}

/// The second half of entering, which must not be cut: the server may have begun what sqlx does not know of yet, and the
/// next user of the connection would go on with it (sqlx#4385).
struct Begin<DB: Database> {
    pool: Pool<DB>,
    connection: Option<PoolConnection<DB>>,
    statement: Option<SqlStr>,
}

impl<DB: Database> AsyncContextManager for Begin<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    type Value = Transaction<'static, DB>;
    type Error = sqlx::Error;

    async fn enter(&mut self) -> Result<Self::Value, sqlx::Error> {
        let connection = self.connection.take().expect("it is entered once");
        // `Pool::begin` would do the same, but together with the waiting for a connection.
        Transaction::begin(connection, self.statement.take()).await
    }

    async fn exit(self, tx: Self::Value, outcome: Outcome) -> Result<(), sqlx::Error> {
        end(tx, outcome, &self.pool).await
    }
}

/// Ends the transaction and gives back its connection.
async fn end<DB: Database>(
    mut tx: Transaction<'static, DB>,
    outcome: Outcome,
    pool: &Pool<DB>,
) -> Result<(), sqlx::Error>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    if DB::NAME == sqlite::NAME {
        return sqlite::end(tx, outcome, pool).await;
    }
    if !outcome.is_success() {
        return tx.rollback().await;
    }
    if !tx.is_in_transaction() {
        let how =
            "the transaction was rolled back before its block ended, when setting a savepoint was cut short";
        return Err(sqlx::Error::Protocol(how.to_owned()));
    }
    if let Err(failed) = usable(&mut *tx).await {
        // If this fails too, the connection is broken, and the pool finds that out.
        let _ = tx.rollback().await;
        return Err(failed);
    }
    tx.commit().await
}

/// Whether the transaction can still do something. PostgreSQL answers the `COMMIT` of a failed one with success, and rolls
/// back.
pub(super) async fn usable<DB: Database>(connection: &mut DB::Connection) -> Result<(), sqlx::Error>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    if DB::NAME == POSTGRESQL { connection.execute("SELECT 1").await.map(drop) } else { Ok(()) }
}

const POSTGRESQL: &str = "PostgreSQL";
