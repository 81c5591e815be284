//! What a manager that is entered in a stack brings into it: its error and its value.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use crate::locking::lock;

/// An error of a stack into which the error of an entry converts.
#[diagnostic::on_unimplemented(
    message = "this manager fails with `{E}`, which does not convert into `{Self}`, the error of the exit stack",
    label = "`{Self}` does not implement `From<{E}>`",
    note = "convert it with `.map_err(…)` on the manager, of `AsyncContextManagerExt` (`.map_err(|never| match never {{}})` if it cannot fail), or implement `From<{E}>` for `{Self}`"
)]
pub trait EntryError<E> {
    #[doc(hidden)]
    fn from_entry(error: E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E, S: From<E>> EntryError<E> for S {
    fn from_entry(error: E) -> Self {
        error.into()
    }
}

/// A value in an [`AsyncExitStack`](crate::AsyncExitStack), lent by it.
///
/// It is returned to the stack when this is dropped.
pub struct Entered<'stack, V> {
    value: Option<V>,
    returned: Arc<Mutex<Option<V>>>,
    stack: PhantomData<&'stack ()>,
}

impl<V> Entered<'_, V> {
    /// A value that goes into `returned` when it is dropped.
    pub(super) fn new(value: V, returned: Arc<Mutex<Option<V>>>) -> Self {
        Self { value: Some(value), returned, stack: PhantomData }
    }
}

impl<V> Deref for Entered<'_, V> {
    type Target = V;

    fn deref(&self) -> &V {
        self.value.as_ref().expect("a value is there until it is returned")
    }
}

impl<V> DerefMut for Entered<'_, V> {
    fn deref_mut(&mut self) -> &mut V {
        self.value.as_mut().expect("a value is there until it is returned")
    }
}

impl<V> Drop for Entered<'_, V> {
    fn drop(&mut self) {
        *lock(&self.returned) = self.value.take();
    }
}

impl<V: Debug> Debug for Entered<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<V: fmt::Display> fmt::Display for Entered<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
