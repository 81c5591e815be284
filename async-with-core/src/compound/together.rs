//! Managers that are entered and exited concurrently.

use std::any::Any;
use std::fmt::{self, Debug};
use std::future::poll_fn;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Poll};

use super::parts::{Held, Parts, Unwinding};
use super::sequence::pairs;
use crate::expansion::scope::Payload;
use crate::handover::BoxFuture;
use crate::lost::Site;
use crate::manager::ENTERED_ONCE;
use crate::{AsyncContextManager, Interrupt, Outcome};

/// Enters and exits several managers concurrently: a tuple, a `Vec` or an array of them.
///
/// Its value has the values of all, in the shape that the managers have without this. All are entered in one task, each
/// whenever it can go on, and none is nested in another. All exits are told the same.
///
/// # Errors
///
/// The first failure. When one cannot be entered, those that are still being entered are dropped, those that have been
/// entered are exited, told `Failed`, and then the error leaves. When one cannot be exited, the other exits go on to their
/// end. Further errors go to the [lost-error hook](crate::set_lost_error_hook).
///
/// In a tuple, the error is that of the first manager, and those of the others convert into it with `From`.
///
/// # Cancel safety
///
/// Dropped while entering, those that have been entered are exited detached, told `Cancelled`. A manager for which it is not
/// enough that its `enter` is dropped is put in as [`finish_enter()`](crate::AsyncContextManagerExt::finish_enter).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use async_with::{async_with, from_fn, together};
/// use tokio::time::{Instant, sleep};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let connect = |name: &'static str| {
///     from_fn(
///         move || async move {
///             sleep(Duration::from_secs(1)).await;
///             Ok::<_, std::io::Error>(name)
///         },
///         |_name, _outcome| sleep(Duration::from_secs(1)),
///     )
/// };
/// let start = Instant::now();
/// async_with!(together((connect("a"), connect("b"))) as (a, b) => {
///     assert_eq!((*a, *b), ("a", "b"));
/// })?;
/// assert_eq!(start.elapsed(), Duration::from_secs(2));
/// # Ok::<_, std::io::Error>(())
/// # }).unwrap();
/// ```
#[track_caller]
pub fn together<G: Group>(managers: G) -> Together<G> {
    Together { managers: Some(managers), site: Site::of::<G>() }
}

/// Managers that are entered and exited concurrently: see [`together`].
#[must_use = "a context manager does nothing unless it is entered"]
pub struct Together<G> {
    /// There except while they are being entered.
    managers: Option<G>,
    site: Site,
}

impl<G: Debug> Debug for Together<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Together").field(&self.managers).finish()
    }
}

impl<G: Group> AsyncContextManager for Together<G> {
    type Value = G::Values;
    type Error = G::Failure;

    async fn enter(&mut self) -> Result<G::Values, G::Failure> {
        let managers = self.managers.take().expect(ENTERED_ONCE);
        let mut held = Held::new(Members(managers.entering(self.site)), self.site);
        let entered = {
            let (members, place) = held.split();
            place.within(pin!(Some(poll_fn(|cx| members.poll_enter(cx))))).await
        };
        held.keep(entered).await?;
        let (managers, values) = G::entered(held.release().await.0);
        self.managers = Some(managers);
        Ok(values)
    }

    async fn exit(self, values: G::Values, outcome: Outcome) -> Result<(), G::Failure> {
        let managers = self.managers.expect(ENTERED_ONCE);
        Members(managers.members(values, outcome, self.site)).unwind(outcome, self.site).await.finish()
    }

    fn interrupt(&self, values: &G::Values) -> Interrupt<G::Failure> {
        self.managers.as_ref().map_or_else(Interrupt::never, |managers| managers.interrupt_any(values))
    }
}

/// One of several concurrent managers, whose error converts into `E`.
#[doc(hidden)]
pub trait Member<E>: Send {
    fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>>;
    fn is_entered(&self) -> bool;
    fn site(&self) -> Site;
    fn exit(self: Box<Self>, outcome: Outcome) -> Option<BoxFuture<Result<(), E>>>;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

struct One<M: AsyncContextManager> {
    state: State<M>,
    site: Site,
}

enum State<M: AsyncContextManager> {
    Entering(BoxFuture<Result<Whole<M>, M::Error>>),
    Entered(Whole<M>),
    Failed,
}

type Whole<M> = (M, <M as AsyncContextManager>::Value);

impl<M: AsyncContextManager> One<M> {
    fn entering<E: 'static>(manager: M, site: Site) -> Box<dyn Member<E>>
    where
        M::Error: Into<E>,
    {
        let site = site.part::<M>();
        let mut manager = Some(manager);
        let enter = async move {
            let value = M::__enter(&mut manager, site).await?;
            Ok((manager.expect(ENTERED_ONCE), value))
        };
        Box::new(Self { state: State::Entering(Box::pin(enter)), site })
    }

    fn entered<E: 'static>(manager: M, value: M::Value, site: Site) -> Box<dyn Member<E>>
    where
        M::Error: Into<E>,
    {
        Box::new(Self { state: State::Entered((manager, value)), site: site.part::<M>() })
    }

    /// The manager in a member that has been entered.
    fn unpack<E>(member: Box<dyn Member<E>>) -> Whole<M> {
        match member.into_any().downcast::<Self>().map(|one| one.state) {
            Ok(State::Entered(whole)) => whole,
            _ => unreachable!("members are unpacked in their order, when all have been entered"),
        }
    }
}

impl<M: AsyncContextManager<Error: Into<E>>, E: 'static> Member<E> for One<M> {
    fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let State::Entering(enter) = &mut self.state else { return Poll::Ready(Ok(())) };
        enter.as_mut().poll(cx).map(|entered| {
            let (state, result) = match entered {
                Ok(whole) => (State::Entered(whole), Ok(())),
                Err(error) => (State::Failed, Err(error.into())),
            };
            self.state = state;
            result
        })
    }

    fn is_entered(&self) -> bool {
        matches!(self.state, State::Entered(_))
    }

    fn site(&self) -> Site {
        self.site
    }

    fn exit(self: Box<Self>, outcome: Outcome) -> Option<BoxFuture<Result<(), E>>> {
        let Self { state, site } = *self;
        let State::Entered((manager, value)) = state else { return None };
        Some(Box::pin(async move { manager.__leave(value, outcome, site).await.map_err(Into::into) }))
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

struct Members<E>(Vec<Box<dyn Member<E>>>);

impl<E: Debug> Members<E> {
    /// Polls each once, also after one has failed: two may fail at once.
    fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let mut all = Poll::Ready(Ok(()));
        let mut failed = None;
        for member in &mut self.0 {
            let polled = catch_unwind(AssertUnwindSafe(|| member.poll_enter(cx))).unwrap_or_else(|payload| {
                // The panic leaves.
                if let (Poll::Ready(Err(error)), Some(failed)) = (&all, failed) {
                    let failed: Site = failed;
                    failed.lost(Outcome::Failed, error);
                }
                resume_unwind(payload)
            });
            match (polled, &all) {
                (Poll::Ready(Err(error)), Poll::Ready(Err(_))) => member.site().lost(Outcome::Failed, &error),
                (Poll::Ready(Err(error)), _) => {
                    failed = Some(member.site());
                    all = Poll::Ready(Err(error));
                }
                (Poll::Pending, Poll::Ready(Ok(()))) => all = Poll::Pending,
                _ => {}
            }
        }
        all
    }
}

impl<E: Debug + Send + 'static> Parts for Members<E> {
    type Error = E;

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn unentered(&mut self) -> Option<Self> {
        let (entered, unentered) = take(&mut self.0).into_iter().partition(|member| member.is_entered());
        self.0 = entered;
        Some(Self(unentered))
    }

    async fn exit(self, unwinding: &mut Unwinding<E>, _site: Site) {
        let outcome = unwinding.outcome();
        let exit = |member: Box<dyn Member<E>>| Some((member.site(), member.exit(outcome)?));
        let mut exits: Vec<_> = self.0.into_iter().filter_map(exit).collect();
        poll_fn(|cx| {
            exits.retain_mut(|(site, exit)| {
                match catch_unwind(AssertUnwindSafe(|| exit.as_mut().poll(cx))) {
                    Ok(Poll::Pending) => return true,
                    Ok(Poll::Ready(exited)) => unwinding.note(Ok(exited), *site, outcome),
                    Err(payload) => unwinding.note(Err::<_, Payload>(payload), *site, outcome),
                }
                false
            });
            if exits.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A tuple, `Vec` or array of managers, for [`together`].
pub trait Group: Send + Sized + 'static {
    #[doc(hidden)]
    type Values: Send + 'static;
    #[doc(hidden)]
    type Failure: Debug + Send + 'static;
    #[doc(hidden)]
    fn entering(self, site: Site) -> Vec<Box<dyn Member<Self::Failure>>>;
    #[doc(hidden)]
    fn entered(members: Vec<Box<dyn Member<Self::Failure>>>) -> (Self, Self::Values);
    #[doc(hidden)]
    fn members(
        self,
        values: Self::Values,
        outcome: Outcome,
        site: Site,
    ) -> Vec<Box<dyn Member<Self::Failure>>>;
    #[doc(hidden)]
    fn interrupt_any(&self, values: &Self::Values) -> Interrupt<Self::Failure>;
}

impl<M: AsyncContextManager> Group for Vec<M> {
    type Values = Box<[M::Value]>;
    type Failure = M::Error;

    fn entering(self, site: Site) -> Vec<Box<dyn Member<M::Error>>> {
        self.into_iter().map(|manager| One::entering(manager, site)).collect()
    }

    fn entered(members: Vec<Box<dyn Member<M::Error>>>) -> (Self, Self::Values) {
        let (managers, values): (_, Vec<_>) = members.into_iter().map(One::<M>::unpack).unzip();
        (managers, values.into())
    }

    fn members(self, values: Self::Values, outcome: Outcome, site: Site) -> Vec<Box<dyn Member<M::Error>>> {
        pairs(self, values, outcome, site)
            .map(|(manager, value)| One::entered(manager, value, site))
            .collect()
    }

    fn interrupt_any(&self, values: &Self::Values) -> Interrupt<M::Error> {
        self.interrupt(values)
    }
}

impl<M: AsyncContextManager, const N: usize> Group for [M; N] {
    type Values = [M::Value; N];
    type Failure = M::Error;

    fn entering(self, site: Site) -> Vec<Box<dyn Member<M::Error>>> {
        Vec::from(self).entering(site)
    }

    fn entered(members: Vec<Box<dyn Member<M::Error>>>) -> (Self, Self::Values) {
        let (managers, values) = Vec::entered(members);
        let as_many = "there are as many managers as there were";
        (
            managers.try_into().unwrap_or_else(|_| unreachable!("{as_many}")),
            Vec::from(values).try_into().unwrap_or_else(|_| unreachable!("{as_many}")),
        )
    }

    fn members(self, values: Self::Values, outcome: Outcome, site: Site) -> Vec<Box<dyn Member<M::Error>>> {
        Vec::from(self).members(values.into(), outcome, site)
    }

    fn interrupt_any(&self, values: &Self::Values) -> Interrupt<M::Error> {
        self.interrupt(values)
    }
}

macro_rules! group {
    ($First:ident $first:ident $first_value:ident; $($Next:ident $next:ident $value:ident),*) => {
        impl<$First, $($Next),*> Group for ($First, $($Next,)*)
        where
            $First: AsyncContextManager,
            $($Next: AsyncContextManager<Error: Into<$First::Error>>,)*
        {
            type Values = ($First::Value, $($Next::Value,)*);
            type Failure = $First::Error;

            fn entering(self, site: Site) -> Vec<Box<dyn Member<Self::Failure>>> {
                let ($first, $($next,)*) = self;
                vec![One::entering($first, site), $(One::entering($next, site),)*]
            }

            fn entered(members: Vec<Box<dyn Member<Self::Failure>>>) -> (Self, Self::Values) {
                let mut members = members.into_iter();
                let mut next = || members.next().expect("there are as many managers as there were");
                let ($first, $first_value) = One::<$First>::unpack(next());
                $(let ($next, $value) = One::<$Next>::unpack(next());)*
                (($first, $($next,)*), ($first_value, $($value,)*))
            }

            fn members(
                self,
                values: Self::Values,
                _outcome: Outcome,
                site: Site,
            ) -> Vec<Box<dyn Member<Self::Failure>>> {
                let (($first, $($next,)*), ($first_value, $($value,)*)) = (self, values);
                vec![One::entered($first, $first_value, site), $(One::entered($next, $value, site),)*]
            }

            fn interrupt_any(&self, values: &Self::Values) -> Interrupt<Self::Failure> {
                self.interrupt(values)
            }
        }
    };
}

group!(A a va;);
group!(A a va; B b vb);
group!(A a va; B b vb, C c vc);
group!(A a va; B b vb, C c vc, D d vd);
group!(A a va; B b vb, C c vc, D d vd, E e ve);
group!(A a va; B b vb, C c vc, D d vd, E e ve, F f vf);
group!(A a va; B b vb, C c vc, D d vd, E e ve, F f vf, G g vg);
group!(A a va; B b vb, C c vc, D d vd, E e ve, F f vf, G g vg, H h vh);
