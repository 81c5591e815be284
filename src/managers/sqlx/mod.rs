//! Transactions, savepoints and locks on the databases of `sqlx`.

mod advisory_lock;
mod session;

pub use self::advisory_lock::{AdvisoryLock, AdvisoryLockError, HeldLock};
