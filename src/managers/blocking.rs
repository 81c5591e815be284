//! Work on files that tokio has no function for.

use std::io;
use std::panic::resume_unwind;

/// Runs `work` where it may block. It runs to its end even if the future is dropped; what it gave is dropped then.
///
/// # Errors
///
/// What `work` gives, or that the runtime shut down before it began.
///
/// # Panics
///
/// Outside of a tokio runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => resume_unwind(payload),
            Err(error) => Err(io::Error::other(error)),
        },
    }
}
