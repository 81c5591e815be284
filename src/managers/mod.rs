//! Context managers for what people hold in async code: time, tasks, files, processes, servers and databases.
//!
//! They are for programs on tokio. Outside its runtime they panic, as tokio's own functions do: [`timeout`] and [`deadline`] before
//! the body begins, the others when they are entered. [`closing`] needs only what its writer needs.

#[cfg(not(target_family = "wasm"))]
mod atomic_file;
#[cfg(not(target_family = "wasm"))]
mod blocking;
#[cfg(not(target_family = "wasm"))]
mod child_process;
mod closing;
mod shutdown;
#[cfg(feature = "__sqlx")]
mod sqlx;
mod task_group;
#[cfg(not(target_family = "wasm"))]
mod temp_dir;
mod timeout;
mod tracked;

#[cfg(not(target_family = "wasm"))]
pub use self::atomic_file::{AtomicFile, AtomicFileError};
#[cfg(not(target_family = "wasm"))]
pub use self::child_process::{ChildProcess, ChildProcessError};
pub use self::closing::{Closing, closing};
pub use self::shutdown::{NotEnded, Shutdown, ShutdownError, ShutdownHandle};
#[cfg(feature = "__sqlx")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqlx")))]
pub use self::sqlx::{
    AdvisoryLock, AdvisoryLockError, HeldLock, PoolExt, PoolTransaction, Savepoint, TransactionExt,
};
pub use self::task_group::{Child, ChildError, NoOutput, Spawner, TaskGroup};
#[cfg(not(target_family = "wasm"))]
pub use self::temp_dir::{TempDir, TempDirError};
pub use self::timeout::{Deadline, Elapsed, Timeout, deadline, timeout};
