//! Context managers for what people hold in async code: time, tasks, files, processes, servers and databases.

#[cfg(feature = "__sqlx")]
mod sqlx;

#[cfg(feature = "__sqlx")]
pub use self::sqlx::{
    AdvisoryLock, AdvisoryLockError, HeldLock, PoolExt, PoolTransaction, Savepoint, TransactionExt,
};
