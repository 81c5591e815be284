//! Context managers for what people hold in async code: time, tasks, files, processes, servers and databases.
//!
//! They are for programs on tokio, and panic when they are entered outside its runtime, as tokio's own functions do.

#[cfg(feature = "__sqlx")]
mod sqlx;

#[cfg(feature = "__sqlx")]
pub use self::sqlx::{
    AdvisoryLock, AdvisoryLockError, HeldLock, PoolExt, PoolTransaction, Savepoint, TransactionExt,
};
