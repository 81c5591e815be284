use std::convert::Infallible;

use crate::{AsyncContextManager, Outcome};

/// A manager with a value that is there already, and an exit that only drops it.
///
/// It is for code that takes a manager, where nothing has to be entered or exited.
///
/// # Examples
///
/// ```
/// use async_with::{async_with, ready};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let doubled = async_with!(ready(21) as number => 2 * *number);
/// assert_eq!(doubled, 42);
/// # });
/// ```
pub fn ready<V: Send + 'static>(value: V) -> Ready<V> {
    Ready { value: Some(value) }
}

/// A manager with a value that is there already: see [`ready`].
#[derive(Clone, Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Ready<V> {
    value: Option<V>,
}

impl<V: Send + 'static> AsyncContextManager for Ready<V> {
    type Value = V;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<V, Infallible> {
        Ok(self.value.take().expect(crate::manager::ENTERED_ONCE))
    }

    async fn exit(self, _value: V, _outcome: Outcome) -> Result<(), Infallible> {
        Ok(())
    }
}
