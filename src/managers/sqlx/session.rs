//! The session of an advisory lock: a connection that notices when it is lost.

use std::io;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{Executor, PgConnection, PgPool, Postgres, Row};
use tokio::time::timeout;

/// How a session was lost.
pub(super) struct Lost(pub(super) sqlx::Error);

/// A session that holds an advisory lock, until it is dropped.
///
/// The connection is that of a [`PgListener`], because nothing else of sqlx can wait for what the server says unasked: here,
/// that it closes the connection. It listens to no channel.
pub(super) struct Session {
    /// Gone once the session is known to be lost: a listener that is used after that would connect anew, to a session that
    /// holds nothing.
    listener: Option<PgListener>,
    /// A pool of this one connection, which a listener needs. It is not the user's pool: what is dropped half-way would go
    /// back to that with the lock on it. Here the connection is closed when the pool goes.
    pool: PgPool,
    key: i64,
}

impl Session {
    /// Connects and locks; the second part is the fencing token. `None` if the lock is taken and not to be waited for.
    pub(super) async fn lock(
        users_pool: &PgPool,
        key: i64,
        heartbeat: Duration,
        waits: bool,
    ) -> Result<Option<(Self, i64)>, sqlx::Error> {
        // Without limits to its life, and without a question whether it lives when it becomes the listener's.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(users_pool.options().get_acquire_timeout())
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with((*users_pool.connect_options()).clone());
        let mut waiting = Waiting(Some(pool.acquire().await?));
        let connection = waiting.connection();
        prepare(connection, heartbeat).await?;
        let lock = if waits { "SELECT pg_advisory_lock($1)" } else { "SELECT pg_try_advisory_lock($1)" };
        let row = connection.fetch_one(sqlx::query(lock).bind(key)).await?;
        if !waits && !row.try_get::<bool, _>(0)? {
            return Ok(None);
        }
        let process: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await?;

        // The way from the one to the other leads through the pool, which holds nothing else.
        drop(waiting.locked());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        listener.ignore_pool_close_event(true);

        // The id of this transaction is the token. The message makes it one that writes to the log, so that its commit is
        // flushed: otherwise a crash of the server could forget the id and give it out again.
        let token =
            "SELECT txid_current(), pg_backend_pid(), pg_logical_emit_message(true, 'async-with', '')";
        let row = listener.fetch_one(token).await?;
        if row.try_get::<i32, _>(1)? != process {
            return Err(closed("the server closed the connection that had acquired the lock").0);
        }
        Ok(Some((Self { listener: Some(listener), pool, key }, row.try_get(0)?)))
    }

    /// Waits until the session is lost.
    ///
    /// Cancel safe: what is cut here is an answer that the next query passes over.
    pub(super) async fn lost(&mut self, heartbeat: Duration) -> Lost {
        let Some(listener) = &mut self.listener else { return closed("it was lost before") };
        let lost = loop {
            match timeout(heartbeat, listener.try_recv()).await {
                Ok(Ok(Some(_notification))) => {}
                Ok(Ok(None)) => break closed("the server closed the connection"),
                Ok(Err(error)) => break Lost(error),
                Err(_quiet) => match timeout(heartbeat, listener.execute("SELECT 1")).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => break Lost(error),
                    Err(_elapsed) => break silent(heartbeat),
                },
            }
        };
        self.listener = None;
        lost
    }

    /// Unlocks and closes the session.
    pub(super) async fn unlock(&mut self, patience: Duration) -> Result<(), Lost> {
        let Some(mut listener) = self.listener.take() else { return Err(closed("it was lost before")) };
        let unlock = sqlx::query_scalar("SELECT pg_advisory_unlock($1)").bind(self.key);
        match timeout(patience, unlock.fetch_one(&mut listener)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                return Err(Lost(sqlx::Error::Protocol("the session did not hold the lock".into())));
            }
            Ok(Err(error)) => return Err(Lost(error)),
            Err(_elapsed) => return Err(silent(patience)),
        }
        drop(listener);
        // The lock is free. If the connection does not close in time, it closes later.
        let _ = timeout(patience, self.pool.close()).await;
        Ok(())
    }
}

/// Makes the session one that waits as long as it takes, lives as long as it is wanted, and is missed when it is gone.
async fn prepare(connection: &mut PgConnection, heartbeat: Duration) -> Result<(), sqlx::Error> {
    let keepalive = heartbeat.as_secs().clamp(1, 7200).to_string();
    // Joined with the settings that there are: which those are depends on the server's version.
    let settings = "SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES
            ('statement_timeout', '0'), ('lock_timeout', '0'), ('idle_session_timeout', '0'),
            ('synchronous_commit', 'on'), ('tcp_keepalives_count', '2'),
            ('tcp_keepalives_idle', $1), ('tcp_keepalives_interval', $1)
        ) AS wish (name, wanted) USING (name)";
    connection.execute(sqlx::query(settings).bind(keepalive)).await?;
    // A server that does not know this, or whose system cannot do it, waits on for those who are gone.
    match connection.execute("SET client_connection_check_interval = '1s'").await {
        Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The connection until it has the lock. Dropped before that, it is closed, not put back: the pool would first wait for the
/// answer, that is for the lock.
struct Waiting(Option<PoolConnection<Postgres>>);

impl Waiting {
    fn connection(&mut self) -> &mut PgConnection {
        self.0.as_mut().expect("it is there until it has the lock")
    }

    fn locked(mut self) -> Option<PoolConnection<Postgres>> {
        self.0.take()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(connection) = &mut self.0 {
            connection.close_on_drop();
        }
    }
}

fn closed(how: &'static str) -> Lost {
    Lost(sqlx::Error::Io(io::Error::new(io::ErrorKind::UnexpectedEof, how)))
}

fn silent(patience: Duration) -> Lost {
    let how = format!("the server did not answer within {patience:?}");
    Lost(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, how)))
}
