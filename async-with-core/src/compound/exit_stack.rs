//! A block whose managers are not known beforehand.

use std::fmt::{self, Debug};
use std::future::{Future, poll_fn};
use std::mem::{swap, take};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::entry::{Entered, EntryError};
use super::parts::{Held, Parts, Unwinding};
use crate::constructors::ExitResult;
use crate::expansion::scope::Payload;
use crate::handover::BoxFuture;
use crate::interrupt::poll_any;
use crate::locking::lock;
use crate::lost::Site;
use crate::manager::ENTERED_ONCE;
use crate::nesting::{Place, within_shared};
use crate::{AsyncContextManager, Interrupt, Outcome};

/// Managers that are entered one by one, as the program goes, and exited in reverse.
///
/// It stands for nested blocks whose number is not known when the program is written. In `async_with!` it is exited
/// with the block. On its own it is ended by [`close`](Self::close); dropped without that, its exits run detached, in
/// their order, told `Cancelled`.
///
/// All exits run, whatever the others do, and an exit after one that failed is told `Failed`, as in nested blocks. The
/// first error counts; further ones go to the [lost-error hook](crate::set_lost_error_hook), after a body that failed all
/// of them, in their order. Exits that are interrupted go on detached.
///
/// The values are used through handles, which borrow the stack: the compiler sees to it that each value is back before its
/// exit runs, and that a stack that was closed is not used again.
///
/// # Differences from nested blocks
///
/// - When the interrupt of one manager ends the body, all exits are told `Interrupted`. A stack that is not in a block has no
///   body, and so ignores interrupts.
/// - Dropped in the middle of its exits, it tells the others what it would have told them; nested blocks, which are cut one by
///   one, are then told `Cancelled`.
/// - [`ObserveError`](crate::ObserveError) and [`Suppress`](crate::Suppress) are not asked: what a block over a manager
///   that may swallow its failure is worth must show in its type.
///
/// # Errors
///
/// `E` is what entering and closing fail with. The errors of managers convert into it with `From`; a manager that cannot
/// fail, in a stack that can, needs `.map_err(|never| match never {})`, unless `E` is `From<Infallible>`, as
/// `Box<dyn Error + Send + Sync>` and `anyhow::Error` are.
///
/// # Examples
///
/// ```
/// use async_with::{AsyncExitStack, async_with, from_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let connect = |host: String| {
///     from_fn(
///         move || async move { Ok::<_, std::io::Error>(format!("connection to {host}")) },
///         |connection, outcome| async move { println!("closing the {connection}: {outcome}") },
///     )
/// };
/// let hosts = vec!["a".to_owned(), "b".to_owned()];
/// async_with!(AsyncExitStack::<std::io::Error>::new() as stack => {
///     let mut connections = Vec::new();
///     for host in hosts {
///         connections.push(stack.enter(connect(host)).await?);
///     }
///     stack.defer(|_outcome| async { println!("closing everything") });
///     connections[1].push_str(", in use");
/// })?;    // closing everything; closing the connection to b, in use; closing the connection to a
/// # Ok::<_, std::io::Error>(())
/// # }).unwrap();
/// ```
#[must_use = "dropping an exit stack exits what is in it"]
pub struct AsyncExitStack<E: Debug + Send + 'static> {
    entries: Mutex<Entries<E>>,
    interrupts: Arc<Mutex<Interrupts<E>>>,
    place: Mutex<Place>,
    site: Site,
}

type Exit<E> = Box<dyn FnOnce(Outcome) -> BoxFuture<Result<(), E>> + Send>;

struct Entries<E>(Vec<(Site, Exit<E>)>);

impl<E> Default for Entries<E> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<E: Debug + Send + 'static> Parts for Entries<E> {
    type Error = E;

    async fn exit(self, unwinding: &mut Unwinding<E>, _site: Site) {
        for (site, exit) in self.0.into_iter().rev() {
            unwinding.exit(site, exit).await;
        }
    }
}

/// The interrupts of the entries, for the block that the stack is in.
struct Interrupts<E> {
    all: Vec<Interrupt<E>>,
    block: Option<Waker>,
}

impl<E> Interrupts<E> {
    fn new(all: Vec<Interrupt<E>>) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { all, block: None }))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<E> {
        self.block = Some(cx.waker().clone());
        poll_any(&mut self.all, cx)
    }
}

impl<E: Debug + Send + 'static> AsyncExitStack<E> {
    /// An empty stack.
    #[track_caller]
    pub fn new() -> Self {
        Self::at(Site::of::<Self>())
    }

    fn at(site: Site) -> Self {
        Self {
            entries: Mutex::default(),
            interrupts: Interrupts::new(Vec::new()),
            place: Mutex::new(Place::here()),
            site,
        }
    }

    /// How many exits there are.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.entries).0.len()
    }

    /// Whether there is nothing to exit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Enters a manager, which is exited with the stack, and lends its value.
    ///
    /// # Errors
    ///
    /// What the manager's `enter` reports, converted. The stack is as it was then.
    ///
    /// # Panics
    ///
    /// A panic of the manager's `enter` leaves; nothing was entered then. One of its `interrupt` leaves too; the manager is
    /// exited with the stack.
    ///
    /// # Cancel safety
    ///
    /// As for [`AsyncContextManager::enter`]: dropped half-way, nothing was entered.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use async_with::{AsyncExitStack, ready};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stack = AsyncExitStack::<Infallible>::new();
    /// let mut numbers = stack.enter(ready(vec![1])).await?;
    /// numbers.push(2);
    /// assert_eq!(*numbers, [1, 2]);
    /// drop(numbers);          // a closed stack cannot be borrowed from
    /// stack.close().await
    /// # }).unwrap();
    /// ```
    #[track_caller]
    #[expect(clippy::type_complexity, reason = "`impl Future` would repeat each error about its bounds")]
    pub fn enter<M>(
        &self,
        manager: M,
    ) -> Pin<Box<dyn Future<Output = Result<Entered<'_, M::Value>, E>> + Send + '_>>
    where
        M: AsyncContextManager,
        E: EntryError<M::Error>,
    {
        let site = Site::of::<M>();
        Box::pin(async move {
            let mut manager = Some(manager);
            let enter = within_shared(&self.place, M::__enter(&mut manager, site));
            let value = enter.await.map_err(E::from_entry)?;
            let manager = manager.expect(ENTERED_ONCE);
            let interrupt = catch_unwind(AssertUnwindSafe(|| manager.interrupt(&value)));
            let entered = self.lend(site, value, async move |value, outcome| {
                manager.__leave(value, outcome, site).await.map_err(E::from_entry)
            });
            // The exit is owed by now, also if that panicked.
            self.add_interrupt(interrupt.unwrap_or_else(|payload| resume_unwind(payload)).map(E::from_entry));
            Ok(entered)
        })
    }

    /// Adds a value that was entered elsewhere, with the function that exits it, and lends it.
    ///
    /// The function's future gives `()` or a `Result<(), E>`.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_with::AsyncExitStack;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stack = AsyncExitStack::<std::io::Error>::new();
    /// let log = stack.push(vec!["opened"], |log, outcome| async move {
    ///     println!("{log:?}: {outcome}");
    ///     Ok(())
    /// });
    /// assert_eq!(log.len(), 1);
    /// drop(log);
    /// stack.close().await
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn push<V, F, X>(&self, value: V, exit: F) -> Entered<'_, V>
    where
        V: Send + 'static,
        F: FnOnce(V, Outcome) -> X + Send + 'static,
        X: Future<Output: ExitResult<E>> + Send,
    {
        let exit = async move |value, outcome| exit(value, outcome).await.into_exit_result();
        self.lend(Site::of::<V>(), value, exit)
    }

    /// Adds a function that is called with the exits.
    ///
    /// Its future gives `()` or a `Result<(), E>`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use async_with::AsyncExitStack;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stack = AsyncExitStack::<Infallible>::new();
    /// stack.defer(|outcome| async move { println!("second: {outcome}") });
    /// stack.defer(|outcome| async move { println!("first: {outcome}") });
    /// stack.close().await
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn defer<F, X>(&self, exit: F)
    where
        F: FnOnce(Outcome) -> X + Send + 'static,
        X: Future<Output: ExitResult<E>> + Send,
    {
        self.add(
            Site::of::<F>(),
            Box::new(|outcome| Box::pin(async move { exit(outcome).await.into_exit_result() })),
        );
    }

    /// Moves everything into a new stack; this one is empty then.
    ///
    /// It is for functions that acquire several things and either give them all away or none: what fails before the
    /// `take` is undone by the old stack.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use async_with::{AsyncExitStack, async_with};
    ///
    /// async fn start() -> AsyncExitStack<Infallible> {
    ///     async_with!(AsyncExitStack::<Infallible>::new() as stack => {
    ///         stack.defer(|_outcome| async { println!("stopped") });
    ///         stack.take()
    ///     })
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let running = start().await;
    /// println!("running");
    /// running.close().await
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn take(&mut self) -> Self {
        self.take_to(Site::of::<Self>())
    }

    fn take_to(&mut self, site: Site) -> Self {
        let mut taken = Self::at(site);
        // The place too: what was cut while it was entered here ends before the entries are exited.
        swap(&mut taken.place, &mut self.place);
        *lock(&taken.entries) = take(&mut *lock(&self.entries));
        lock(&taken.interrupts).all = take(&mut lock(&self.interrupts).all);
        taken
    }

    /// Awaits all exits, the last one first, told `Completed`.
    ///
    /// # Errors
    ///
    /// The first error of an exit; further ones go to the [lost-error hook](crate::set_lost_error_hook).
    ///
    /// # Panics
    ///
    /// A panic of an exit leaves when the other exits have ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the remaining exits go on detached.
    pub async fn close(self) -> Result<(), E> {
        self.exit_all(Outcome::Completed).await
    }

    async fn exit_all(mut self, outcome: Outcome) -> Result<(), E> {
        let mut held = self.hold();
        held.keep(self.drop_interrupts()).await?;
        held.exit(outcome).await.finish()
    }

    /// As in a block, interrupts are gone before the exits, and one that panics then makes a panic of the body.
    fn drop_interrupts(&mut self) -> Result<Result<(), E>, Payload> {
        let interrupts = take(&mut lock(&self.interrupts).all);
        catch_unwind(AssertUnwindSafe(|| {
            drop(interrupts);
            Ok(())
        }))
    }

    /// Moves the exits out, to be awaited or cut.
    fn hold(&mut self) -> Held<Entries<E>> {
        Held::at(take(&mut *lock(&self.place)), take(&mut *lock(&self.entries)), self.site)
    }

    fn add(&self, site: Site, exit: Exit<E>) {
        lock(&self.entries).0.push((site, exit));
    }

    fn add_interrupt(&self, interrupt: Interrupt<E>) {
        if interrupt.is_never() {
            return;
        }
        let mut interrupts = lock(&self.interrupts);
        interrupts.all.push(interrupt);
        if let Some(block) = interrupts.block.take() {
            block.wake();
        }
    }

    fn lend<V, F, X>(&self, site: Site, value: V, exit: F) -> Entered<'_, V>
    where
        V: Send + 'static,
        F: FnOnce(V, Outcome) -> X + Send + 'static,
        X: Future<Output = Result<(), E>> + Send,
    {
        let returned = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&returned);
        self.add(
            site,
            Box::new(move |outcome| {
                Box::pin(async move {
                    let value = lock(&slot).take();
                    let Some(value) = value else {
                        site.lost(outcome, &"its value was leaked (`mem::forget`): it cannot be exited");
                        return Ok(());
                    };
                    exit(value, outcome).await
                })
            }),
        );
        Entered::new(value, returned)
    }
}

impl<E: Debug + Send + 'static> Default for AsyncExitStack<E> {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Debug + Send + 'static> Drop for AsyncExitStack<E> {
    fn drop(&mut self) {
        if !self.is_empty() {
            drop(self.hold());
        }
    }
}

impl<E: Debug + Send + 'static> Debug for AsyncExitStack<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncExitStack").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The value is the stack itself. It is in a box, so that `stack.enter(manager)` in the body is not taken for the `enter` of
/// this trait.
impl<E: Debug + Send + 'static> AsyncContextManager for AsyncExitStack<E> {
    type Value = Box<Self>;
    type Error = E;

    async fn enter(&mut self) -> Result<Box<Self>, E> {
        let site = self.site;
        Ok(Box::new(self.take_to(site)))
    }

    /// Unlike [`close`](Self::close) it leaves handing over to the block, which would be reported twice if its runtime ended.
    async fn exit(self, mut stack: Box<Self>, outcome: Outcome) -> Result<(), E> {
        let dropped = stack.drop_interrupts();
        let (entries, site) = (take(&mut *lock(&stack.entries)), stack.site);
        let mut place = take(&mut *lock(&stack.place));
        place.nested_ended().await;
        match dropped {
            Ok(_) => entries.unwind(outcome, site).await.finish(),
            Err(payload) => {
                entries.unwind(Outcome::Panicked, site).await.lose(true);
                resume_unwind(payload)
            }
        }
    }

    fn interrupt(&self, stack: &Box<Self>) -> Interrupt<E> {
        let interrupts = Arc::clone(&stack.interrupts);
        Interrupt::when(poll_fn(move |cx| lock(&interrupts).poll(cx)))
    }
}
