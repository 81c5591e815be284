//! Transactions, savepoints and locks on the databases of `sqlx`.

mod advisory_lock;
mod savepoint;
mod session;
mod sqlite;
mod transaction;

pub use self::advisory_lock::{AdvisoryLock, AdvisoryLockError, HeldLock};
pub use self::savepoint::{Savepoint, TransactionExt};
pub use self::transaction::{PoolExt, PoolTransaction};
