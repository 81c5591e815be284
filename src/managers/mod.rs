//! Context managers for what people hold in async code: time, tasks, files, processes, servers and databases.
//!
//! They are for programs on tokio, and panic when they are entered outside its runtime, as tokio's own functions do.

#[cfg(not(target_family = "wasm"))]
mod atomic_file;
#[cfg(not(target_family = "wasm"))]
mod blocking;
#[cfg(not(target_family = "wasm"))]
mod child_process;
mod closing;
#[cfg(feature = "__sqlx")]
mod sqlx;
#[cfg(not(target_family = "wasm"))]
mod temp_dir;

#[cfg(not(target_family = "wasm"))]
pub use self::atomic_file::{AtomicFile, AtomicFileError};
#[cfg(not(target_family = "wasm"))]
pub use self::child_process::{ChildProcess, ChildProcessError};
pub use self::closing::{Closing, closing};
#[cfg(feature = "__sqlx")]
pub use self::sqlx::{
    AdvisoryLock, AdvisoryLockError, HeldLock, PoolExt, PoolTransaction, Savepoint, TransactionExt,
};
#[cfg(not(target_family = "wasm"))]
pub use self::temp_dir::{TempDir, TempDirError};
