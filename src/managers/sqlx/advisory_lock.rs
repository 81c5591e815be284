use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::Mutex;

use super::session::{Lost, Session};
use crate::{AsyncContextManager, Interrupt, Outcome};

/// A lock across machines: a session-level advisory lock of PostgreSQL.
///
/// Of all blocks with the same key on the same database, in whatever process and on whatever machine, one runs at a time.
/// [`new`](Self::new) waits for its turn, first come, first served; [`try_new`](Self::try_new) reports that the lock is
/// taken. Key and lock are those of `pg_advisory_lock(bigint)`, so other programs can take part.
///
/// # The session
///
/// The lock belongs to a connection of its own, made with the connect options of the pool and not counted in it. The
/// connection must reach the server itself, or through a proxy that keeps sessions: behind PgBouncer in transaction mode
/// these locks do not work. When the process dies, the connection goes with it and the server frees the lock.
///
/// # When the session is lost
///
/// The body is interrupted, and the block gives [`AdvisoryLockError::SessionLost`]: at once, if the server ends the session
/// (`pg_terminate_backend`, a shutdown or crash of the server); at the latest two [heartbeats](Self::heartbeat) later (10
/// seconds by default), if the network swallows everything. The body is stopped at an await: one that computes without
/// awaiting goes on until it awaits again.
///
/// On its side, the server frees the lock of a holder whose machine or network vanished after about three heartbeats, by TCP
/// keepalives. That is later than the holder has stopped, as long as the heartbeats are. But a server that ends a session
/// frees its lock a moment before it closes the connection, and what the body has sent by then still arrives. And a body that
/// is held up for longer (a blocked thread, a suspended machine) may believe that it holds the lock while another holds it
/// already. That is what the [fencing token](HeldLock::token) is for.
///
/// # Errors
///
/// See [`AdvisoryLockError`]. Errors that stop the server from being reached are those of a pool: a refused connection is
/// tried again for the pool's acquire timeout.
///
/// # Cancel safety
///
/// A future dropped while it waits for the lock closes its connection; the server stops waiting within a second
/// (PostgreSQL 14 or newer; before that when the lock would be given to it, and gives it to the next at once).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use async_with::async_with;
/// use async_with::managers::{AdvisoryLock, AdvisoryLockError};
/// use sqlx::PgPool;
/// use sqlx::postgres::PgPoolOptions;
///
/// const NIGHTLY_REPORT: i64 = 7;
///
/// async fn report_once(pool: &PgPool) -> Result<(), Box<dyn std::error::Error>> {
///     let done = async_with!(AdvisoryLock::try_new(pool, NIGHTLY_REPORT) as lock => {
///         println!("writing the report, with token {}", lock.token());
///     });
///     match done {
///         Err(AdvisoryLockError::Busy { .. }) => println!("another machine is at it"),
///         done => done?,
///     }
///     Ok(())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// // Where no server is, the body does not run, and the error says so.
/// let nowhere = PgPoolOptions::new().acquire_timeout(Duration::from_millis(100));
/// let error = report_once(&nowhere.connect_lazy("postgres://127.0.0.1:1/none")?).await.unwrap_err();
/// assert!(matches!(error.downcast_ref(), Some(AdvisoryLockError::Unavailable { key: NIGHTLY_REPORT, .. })));
/// # Ok::<_, sqlx::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct AdvisoryLock {
    pool: PgPool,
    key: i64,
    heartbeat: Duration,
    waits: bool,
}

impl AdvisoryLock {
    /// The lock with this key, which is waited for.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(pool: sqlx::PgPool) -> Result<(), async_with::managers::AdvisoryLockError> {
    /// use async_with::async_with;
    /// use async_with::managers::AdvisoryLock;
    ///
    /// async_with!(AdvisoryLock::new(&pool, 7) => {
    ///     println!("nobody else is here");
    /// })
    /// # }
    /// ```
    pub fn new(pool: &PgPool, key: i64) -> Self {
        Self { pool: pool.clone(), key, heartbeat: Duration::from_secs(5), waits: true }
    }

    /// The lock with this key, if nobody holds it; otherwise the block gives [`AdvisoryLockError::Busy`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(pool: sqlx::PgPool) {
    /// use async_with::async_with;
    /// use async_with::managers::{AdvisoryLock, AdvisoryLockError};
    ///
    /// let done = async_with!(AdvisoryLock::try_new(&pool, 7) => { "nobody else was here" });
    /// if let Err(AdvisoryLockError::Busy { key }) = done {
    ///     println!("lock {key} is taken");
    /// }
    /// # }
    /// ```
    pub fn try_new(pool: &PgPool, key: i64) -> Self {
        Self { waits: false, ..Self::new(pool, key) }
    }

    /// How often the session is asked whether it lives, and how long an answer may take; 5 seconds by default.
    ///
    /// A lost session that nothing announces is noticed after two heartbeats at the latest. Less than 100 milliseconds count
    /// as that: no answer would be in time.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn example(pool: sqlx::PgPool) -> async_with::managers::AdvisoryLock {
    /// use std::time::Duration;
    /// use async_with::managers::AdvisoryLock;
    ///
    /// AdvisoryLock::new(&pool, 7).heartbeat(Duration::from_secs(1))
    /// # }
    /// ```
    pub fn heartbeat(self, interval: Duration) -> Self {
        Self { heartbeat: interval.max(Duration::from_millis(100)), ..self }
    }

    async fn lock(&self) -> Result<HeldLock, AdvisoryLockError> {
        let Self { ref pool, key, heartbeat, waits } = *self;
        let unavailable = |source| match source {
            sqlx::Error::PoolClosed => AdvisoryLockError::PoolClosed { key },
            source => AdvisoryLockError::Unavailable { key, source },
        };
        // A closed pool means that the program ends: nobody waits for a lock then.
        let locked = pool.close_event().do_until(Session::lock(pool, key, heartbeat, waits)).await;
        match locked.and_then(|locked| locked).map_err(unavailable)? {
            Some((session, token)) => Ok(HeldLock { key, token, session: Arc::new(Mutex::new(session)) }),
            None => Err(AdvisoryLockError::Busy { key }),
        }
    }
}

impl AsyncContextManager for AdvisoryLock {
    type Value = HeldLock;
    type Error = AdvisoryLockError;

    async fn enter(&mut self) -> Result<HeldLock, AdvisoryLockError> {
        // Connecting is large, and would be part of each block's future.
        Box::pin(self.lock()).await
    }

    async fn exit(self, held: HeldLock, outcome: Outcome) -> Result<(), AdvisoryLockError> {
        match held.session.lock().await.unlock(self.heartbeat).await {
            // The interrupt has said so already.
            Err(Lost(_)) if outcome == Outcome::Interrupted => Ok(()),
            Err(Lost(source)) => Err(AdvisoryLockError::SessionLost { key: self.key, source }),
            Ok(()) => Ok(()),
        }
    }

    fn interrupt(&self, held: &HeldLock) -> Interrupt<AdvisoryLockError> {
        let (session, key, heartbeat) = (Arc::clone(&held.session), self.key, self.heartbeat);
        Interrupt::when(async move {
            let Lost(source) = session.lock().await.lost(heartbeat).await;
            AdvisoryLockError::SessionLost { key, source }
        })
    }
}

/// A lock that is held: what an [`AdvisoryLock`] lends to its body.
///
/// # Examples
///
/// ```
/// use async_with::managers::HeldLock;
///
/// /// Overwrites the state, unless a later holder of the lock has done so.
/// async fn save(state: &str, lock: &HeldLock, pool: &sqlx::PgPool) -> Result<bool, sqlx::Error> {
///     let update = "UPDATE state SET value = $1, token = $2 WHERE token <= $2";
///     let update = sqlx::query(update).bind(state).bind(lock.token());
///     Ok(update.execute(pool).await?.rows_affected() == 1)
/// }
/// ```
pub struct HeldLock {
    key: i64,
    token: i64,
    /// Shared with the interrupt of the block, which is gone before the exit.
    session: Arc<Mutex<Session>>,
}

impl HeldLock {
    /// The key of the lock.
    ///
    /// # Examples
    ///
    /// ```
    /// fn describe(lock: &async_with::managers::HeldLock) -> String {
    ///     format!("lock {}", lock.key())
    /// }
    /// ```
    #[must_use]
    pub fn key(&self) -> i64 {
        self.key
    }

    /// The fencing token: greater than that of every earlier holder of any lock on this server.
    ///
    /// Whatever the body writes to should refuse a token that is less than the greatest that it has seen: then a holder that
    /// has lost the lock and does not know it yet can do no harm.
    ///
    /// It is the id of a transaction (`txid_current()`), made and flushed to the log after the lock was acquired, so it
    /// needs no table and survives a crash of the server. It starts anew when the database moves to another server by dump
    /// and restore, and goes back when a backup is restored, or when the server fails over to a replica that lacked the
    /// last transactions.
    ///
    /// # Examples
    ///
    /// ```
    /// fn is_current(lock: &async_with::managers::HeldLock, greatest_seen: i64) -> bool {
    ///     lock.token() >= greatest_seen
    /// }
    /// ```
    #[must_use]
    pub fn token(&self) -> i64 {
        self.token
    }
}

impl fmt::Debug for HeldLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, token, session: _ } = self;
        f.debug_struct("HeldLock").field("key", key).field("token", token).finish_non_exhaustive()
    }
}

/// Why a block over an [`AdvisoryLock`] was not entered, or did not keep its lock.
///
/// # Examples
///
/// ```
/// use async_with::managers::AdvisoryLockError;
///
/// fn may_try_again(error: &AdvisoryLockError) -> bool {
///     !matches!(error, AdvisoryLockError::PoolClosed { .. })
/// }
/// assert!(may_try_again(&AdvisoryLockError::Busy { key: 7 }));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum AdvisoryLockError {
    /// Another session holds the lock. The body did not run.
    Busy {
        /// The key of the lock.
        key: i64,
    },
    /// The pool was closed before the lock was acquired. The body did not run.
    PoolClosed {
        /// The key of the lock.
        key: i64,
    },
    /// The database could not be reached, or failed while the lock was being acquired. The body did not run.
    Unavailable {
        /// The key of the lock.
        key: i64,
        /// What the database or the connection reported.
        source: sqlx::Error,
    },
    /// The session that held the lock is gone, and the lock with it. The body was interrupted; or it had just ended, and for
    /// its last moments, two heartbeats at most, another may have held the lock.
    SessionLost {
        /// The key of the lock.
        key: i64,
        /// How that was noticed.
        source: sqlx::Error,
    },
}

impl fmt::Display for AdvisoryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { key } => write!(f, "advisory lock {key} is held by another session"),
            Self::PoolClosed { key } => {
                write!(f, "advisory lock {key} was not acquired: the pool has been closed")
            }
            Self::Unavailable { key, source } => {
                write!(f, "advisory lock {key} was not acquired: {source}")
            }
            Self::SessionLost { key, source } => {
                write!(f, "the session that held advisory lock {key} was lost: {source}")
            }
        }
    }
}

impl Error for AdvisoryLockError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable { source, .. } | Self::SessionLost { source, .. } => Some(source),
            Self::Busy { .. } | Self::PoolClosed { .. } => None,
        }
    }
}
