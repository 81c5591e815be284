//! Which scope is nested in which, so that an outer exit can wait for the detached exits of inner ones.
//!
//! A scope that begins while the body of another one is being polled is nested in that one. What is being polled stands in
//! a thread-local. A scope has a [`Node`] only from the moment when the first block in its body begins, so that a block
//! without blocks in it pays for none of this.
//!
//! An executor that is run inside a body polls other tasks meanwhile. Tokio's tasks, as on a `LocalSet`, are told apart by
//! their ids. Other executors' look nested in that body, whose exit then waits for their detached exits too, though it need
//! not.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, Waker};

use crate::handover::Runtime;
use crate::locking::lock;
use crate::lost::Site;

/// A scope with scopes in it.
pub(crate) struct Node {
    around: Option<Arc<Node>>,
    nested: Mutex<Nested>,
}

#[derive(Default)]
struct Nested {
    /// Whether the scope has ended. What concerns it then concerns the scope around it.
    ended: bool,
    /// The detached exits in the scope that are running, by their address.
    exits: BTreeMap<usize, Arc<DetachedExit>>,
}

impl Node {
    fn nested(&self) -> MutexGuard<'_, Nested> {
        lock(&self.nested)
    }

    /// Does something in the innermost scope that has not ended, from `node` outwards.
    fn in_living(node: Option<&Arc<Self>>, action: impl FnOnce(&mut Nested)) {
        let mut next = node;
        while let Some(node) = next {
            let mut nested = node.nested();
            if !nested.ended {
                return action(&mut nested);
            }
            drop(nested);
            next = node.around.as_ref();
        }
    }

    fn add(node: Option<&Arc<Self>>, exit: Arc<DetachedExit>) {
        Self::in_living(node, |nested| drop(nested.exits.insert(exit.key(), exit)));
    }

    fn any_exit(&self) -> Option<Arc<DetachedExit>> {
        self.nested().exits.first_key_value().map(|(_, exit)| Arc::clone(exit))
    }

    /// Ends the scope: exits that are running in it are now in the scope around it.
    fn end(&self) {
        let exits = {
            let mut nested = self.nested();
            nested.ended = true;
            std::mem::take(&mut nested.exits)
        };
        for exit in exits.into_values() {
            Self::add(self.around.as_ref(), exit);
        }
    }
}

/// What is being polled: a body, or nothing of ours.
#[derive(Default)]
pub(crate) enum Current {
    #[default]
    Nothing,
    Body {
        /// The scope's node, once there is one.
        own: Option<Arc<Node>>,
        around: Option<Arc<Node>>,
        /// By which task; set anew for each poll.
        task: TaskId,
    },
}

#[cfg(feature = "tokio")]
type TaskId = Option<tokio::task::Id>;
#[cfg(not(feature = "tokio"))]
type TaskId = ();

fn this_task() -> TaskId {
    #[cfg(feature = "tokio")]
    tokio::task::try_id()
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current::Nothing) };
}

impl Current {
    fn exchange(&mut self) {
        // While a thread is being torn down there is no current scope.
        let _ = CURRENT.try_with(|current| *self = current.replace(std::mem::take(self)));
    }

    /// Inside `node`, which is there already.
    pub(crate) fn inside(node: Option<Arc<Node>>) -> Self {
        node.map_or(Self::Nothing, |node| Self::Body {
            own: Some(node),
            around: None,
            task: TaskId::default(),
        })
    }

    /// Polls something with this as what is current.
    pub(crate) fn during<T>(&mut self, poll: impl FnOnce() -> T) -> T {
        struct Polling<'a>(&'a mut Current);
        impl Drop for Polling<'_> {
            fn drop(&mut self) {
                self.0.exchange();
            }
        }
        if let Self::Body { task, .. } = self {
            // A future may move from task to task.
            *task = this_task();
        }
        self.exchange();
        let _polling = Polling(self);
        poll()
    }

    fn node(&mut self) -> Option<Arc<Node>> {
        let Self::Body { own, around, task } = self else { return None };
        #[cfg_attr(not(feature = "tokio"), allow(clippy::unit_cmp, reason = "there are no task ids then"))]
        if *task != this_task() {
            return None;
        }
        let new = || Arc::new(Node { around: around.take(), nested: Mutex::default() });
        Some(Arc::clone(own.get_or_insert_with(new)))
    }
}

/// The scope in whose body a new scope begins.
fn around() -> Option<Arc<Node>> {
    CURRENT
        .try_with(|cell| {
            let mut current = cell.take();
            let node = current.node();
            cell.set(current);
            node
        })
        .ok()
        .flatten()
}

/// The place of a scope among the others, in the source, and on a runtime.
#[doc(hidden)]
pub struct Place {
    around: Option<Arc<Node>>,
    own: OnceLock<Arc<Node>>,
    pub(crate) runtime: Runtime,
    pub(crate) site: Site,
}

impl Place {
    pub(crate) fn new(runtime: Runtime, site: Site) -> Self {
        Self { around: around(), own: OnceLock::new(), runtime, site }
    }

    /// Moves the place out; what stays behind only serves to report errors.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            around: self.around.take(),
            own: std::mem::take(&mut self.own),
            runtime: std::mem::take(&mut self.runtime),
            site: self.site,
        }
    }

    /// The scope as what is current.
    pub(crate) fn body(&self) -> Current {
        Current::Body { own: self.own.get().cloned(), around: self.around.clone(), task: TaskId::default() }
    }

    /// With its node from the beginning: several futures at a time may be polled in the name of this scope.
    pub(crate) fn shared(self) -> Self {
        self.own.get_or_init(|| Arc::new(Node { around: self.around.clone(), nested: Mutex::default() }));
        self
    }

    /// Awaits something in the name of the scope: blocks that begin in it are nested in the scope.
    pub(crate) async fn within<F: Future>(&self, future: F) -> F::Output {
        let mut current = self.body();
        let mut future = pin!(future);
        poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| current.during(|| future.as_mut().poll(cx))));
            // Also after a panic, which may have cut blocks that began in this poll.
            self.polled(&current);
            polled.unwrap_or_else(|payload| resume_unwind(payload))
        })
        .await
    }

    /// Notes the node that the scope may have got while its body was polled.
    pub(crate) fn polled(&self, current: &Current) {
        if let Current::Body { own: Some(own), .. } = current {
            self.own.get_or_init(|| Arc::clone(own));
        }
    }

    /// The scope around this one as what is current: what the exit is part of.
    pub(crate) fn outside(&self) -> Current {
        Current::inside(self.around.clone())
    }

    /// Waits for the detached exits of the blocks nested in the scope.
    pub(crate) async fn nested_ended(&self) {
        let Some(own) = self.own.get() else { return };
        // One that ends may leave another one behind, of a block in it.
        while let Some(exit) = own.any_exit() {
            poll_fn(|cx| exit.poll(cx)).await;
            own.nested().exits.remove(&exit.key());
        }
    }

    /// Enters a detached exit of this scope in the scope around it.
    pub(crate) fn enter_exit(&self) -> Arc<DetachedExit> {
        let exit = Arc::new(DetachedExit { around: self.around.clone(), state: Mutex::default() });
        Node::add(self.around.as_ref(), Arc::clone(&exit));
        exit
    }

    /// Gives the detached exits nested in the scope to the scope around it.
    pub(crate) fn end(&self) {
        if let Some(own) = self.own.get() {
            own.end();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.end();
    }
}

/// A detached exit, for those who wait for it.
pub(crate) struct DetachedExit {
    around: Option<Arc<Node>>,
    /// Whether it has ended, and who waits.
    state: Mutex<(bool, Vec<Waker>)>,
}

impl DetachedExit {
    fn key(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.0 {
            return Poll::Ready(());
        }
        remember(&mut state.1, cx);
        Poll::Pending
    }

    /// Ends it, and gives those who wait.
    pub(crate) fn end(self: &Arc<Self>) -> Vec<Waker> {
        Node::in_living(self.around.as_ref(), |nested| drop(nested.exits.remove(&self.key())));
        let mut state = lock(&self.state);
        state.0 = true;
        std::mem::take(&mut state.1)
    }
}

pub(crate) fn remember(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}
