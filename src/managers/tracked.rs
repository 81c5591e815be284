//! What the tasks of a group or a server run in, so that their end can be waited for.

use std::convert::Infallible;

use crate::{AsyncContextManager, Outcome};

/// Keeps a token until a task has ended, and with it the detached exits of all blocks in the task.
///
/// The future of an aborted task is dropped at once, but the blocks in it are then exited detached. As this one is around
/// them, its own exit comes after theirs.
pub(super) struct Tracked<T>(pub(super) T);

impl<T: Send + 'static> AsyncContextManager for Tracked<T> {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        drop(self.0);
        Ok(())
    }
}
