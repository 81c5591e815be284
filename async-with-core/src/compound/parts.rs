//! What managers of several parts have in common: the parts that have been entered are exited, whatever comes.

use std::fmt::Debug;
use std::future::Future;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;

use crate::expansion::scope::Payload;
use crate::handover::{HandOver, Runtime, Shield, detach};
use crate::lost::Site;
use crate::nesting::Place;
use crate::{AsyncContextManager, Outcome};

/// Reports that a manager cannot be exited, because the body did not give its value back.
pub(crate) fn taken_out(site: Site, outcome: Outcome) {
    site.lost(outcome, &format_args!("its value was taken out of the block: it cannot be exited"));
}

/// What the exits of several parts have come to.
///
/// The parts fare as nested blocks do. The first failure counts, a panic more than an error, and the others go to the
/// lost-error hook. An exit after a failed one is told of a failure.
///
/// After a body that failed none counts, and the block reports what this gives it. So that all are reported in their order,
/// that is the last one then.
pub(crate) struct Unwinding<E> {
    /// What the first exit is told: how the body ended.
    told: Outcome,
    /// What the next exit is told.
    outcome: Outcome,
    failure: Option<Failure<E>>,
    /// Where the exits are awaited: one starts when what those before it left behind has ended.
    place: Place,
}

enum Failure<E> {
    Error { error: E, site: Site, outcome: Outcome },
    Panic { payload: Payload, site: Site, outcome: Outcome },
}

impl<E: Debug> Failure<E> {
    fn lost(self) {
        match self {
            Self::Error { error, site, outcome } => site.lost(outcome, &error),
            Self::Panic { payload, site, outcome } => site.lost_panic(outcome, &*payload),
        }
    }
}

impl<E: Debug> Unwinding<E> {
    pub(crate) fn new(outcome: Outcome) -> Self {
        Self { told: outcome, outcome, failure: None, place: Place::default() }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Awaits the next exit.
    pub(crate) async fn exit<X>(&mut self, site: Site, exit: impl FnOnce(Outcome) -> X)
    where
        X: Future<Output = Result<(), E>>,
    {
        let outcome = self.outcome;
        self.place.nested_ended().await;
        let exited = self.place.within(pin!(Some(async move { exit(outcome).await }))).await;
        self.note(exited, site, outcome);
    }

    /// Notes how an exit ended that was told `outcome`.
    pub(crate) fn note(&mut self, exited: Result<Result<(), E>, Payload>, site: Site, outcome: Outcome) {
        let failure = match exited {
            Ok(Ok(())) => return,
            Ok(Err(error)) => Failure::Error { error, site, outcome },
            Err(payload) => Failure::Panic { payload, site, outcome },
        };
        // Detached blocks do not hear of each other.
        if self.outcome != Outcome::Cancelled {
            self.outcome = match failure {
                Failure::Panic { .. } => Outcome::Panicked,
                Failure::Error { .. } if self.outcome.is_success() => Outcome::Failed,
                Failure::Error { .. } => self.outcome,
            };
        }
        let lost = match (&self.failure, &failure) {
            (None, _) | (Some(Failure::Error { .. }), Failure::Panic { .. }) => self.failure.replace(failure),
            (Some(Failure::Error { .. }), _) if !self.told.is_success() => self.failure.replace(failure),
            (Some(Failure::Panic { .. }), _) if self.told == Outcome::Panicked => {
                self.failure.replace(failure)
            }
            _ => Some(failure),
        };
        // Its destructor may panic, which counts as a panic of the exit: the next exits must run.
        if let Some(Err(payload)) = lost.map(|failure| catch_unwind(AssertUnwindSafe(|| failure.lost()))) {
            self.note(Err(payload), site, outcome);
        }
    }

    /// What the exits come to as a whole.
    pub(crate) fn finish(self) -> Result<(), E> {
        match self.failure {
            None => Ok(()),
            Some(Failure::Error { error, .. }) => Err(error),
            Some(Failure::Panic { payload, .. }) => resume_unwind(payload),
        }
    }

    /// Something else leaves: a panic does too, unless that is a panic itself.
    pub(crate) fn lose(self, to_panic: bool) {
        match self.failure {
            Some(Failure::Panic { payload, .. }) if !to_panic => resume_unwind(payload),
            Some(failure) => failure.lost(),
            None => {}
        }
    }
}

impl<E: Debug + Send + 'static> HandOver for Unwinding<E> {
    type Error = E;

    async fn finish(self) -> Result<(), E> {
        self.finish()
    }
}

/// Parts that have been entered.
pub(crate) trait Parts: Sized + Send + 'static {
    type Error: Debug + Send + 'static;

    /// Whether there is nothing to exit.
    fn is_empty(&self) -> bool {
        false
    }

    /// Takes those away that are still being entered.
    fn unentered(&mut self) -> Option<Self> {
        None
    }

    /// Exits them.
    fn exit(self, unwinding: &mut Unwinding<Self::Error>, site: Site) -> impl Future<Output = ()> + Send;

    fn unwind(self, outcome: Outcome, site: Site) -> impl Future<Output = Unwinding<Self::Error>> + Send {
        async move {
            let mut unwinding = Unwinding::new(outcome);
            self.exit(&mut unwinding, site).await;
            unwinding
        }
    }
}

/// One part.
impl<M: AsyncContextManager> Parts for (M, M::Value) {
    type Error = M::Error;

    async fn exit(self, unwinding: &mut Unwinding<M::Error>, site: Site) {
        let ((manager, value), site) = (self, site.part::<M>());
        unwinding.exit(site, |outcome| manager.__leave(value, outcome, site)).await;
    }
}

/// A part after others.
pub(crate) struct Then<P, M, V>(pub(crate) P, pub(crate) M, pub(crate) V);

impl<P, M> Parts for Then<P, M, M::Value>
where
    P: Parts,
    M: AsyncContextManager<Error: Into<P::Error>>,
{
    type Error = P::Error;

    async fn exit(self, unwinding: &mut Unwinding<P::Error>, site: Site) {
        let (Self(before, manager, value), own) = (self, site.part::<M>());
        let exit = async |outcome| manager.__leave(value, outcome, own).await.map_err(Into::into);
        unwinding.exit(own, exit).await;
        before.exit(unwinding, site).await;
    }
}

/// Parts that are exited if the rest is not entered: awaited if entering fails, detached if it is cut.
pub(crate) struct Held<P: Parts> {
    parts: Option<P>,
    site: Site,
    place: Place,
    /// What they are told when they are cut.
    told: Outcome,
}

impl<P: Parts> Held<P> {
    pub(crate) fn new(parts: P, site: Site) -> Self {
        Self::at(Place::on(Runtime::current()), parts, site)
    }

    pub(crate) fn at(place: Place, parts: P, site: Site) -> Self {
        Self { parts: Some(parts), site, place, told: Outcome::Cancelled }
    }

    /// Adds a part.
    pub(crate) fn then<M>(mut self, manager: M, value: M::Value) -> Held<Then<P, M, M::Value>>
    where
        M: AsyncContextManager<Error: Into<P::Error>>,
    {
        let before = self.parts.take().expect("parts are held until they are exited");
        Held::at(take(&mut self.place), Then(before, manager, value), self.site)
    }

    /// Gives the parts away when all has been entered. What was cut meanwhile ends first, for the parts are not exited in the
    /// name of this.
    pub(crate) async fn release(mut self) -> P {
        self.place.nested_ended().await;
        self.parts.take().expect("parts are held until they are exited")
    }

    /// Enters what comes after these parts, in whose name blocks begin in it.
    pub(crate) async fn enter<T, E>(&mut self, enter: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let entered = self.place.within(pin!(Some(enter))).await;
        self.keep(entered).await
    }

    pub(crate) fn split(&mut self) -> (&mut P, &mut Place) {
        (self.parts.as_mut().expect("parts are held until they are exited"), &mut self.place)
    }

    /// Exits the parts if what had to be entered with them was not.
    pub(crate) async fn keep<T, E>(&mut self, entered: Result<Result<T, E>, Payload>) -> Result<T, E> {
        let outcome = match &entered {
            Ok(Ok(_)) => Outcome::Completed,
            Ok(Err(_)) => Outcome::Failed,
            Err(_) => Outcome::Panicked,
        };
        if !outcome.is_success() {
            // First, so that what they leave behind ends before the others are exited.
            let unentered = self.parts.as_mut().and_then(Parts::unentered);
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(unentered)));
            let mut unwinding = self.exit(outcome).await;
            if let Err(payload) = dropped {
                unwinding.note(Err(payload), self.site, outcome);
            }
            unwinding.lose(outcome == Outcome::Panicked);
        }
        entered.unwrap_or_else(|payload| resume_unwind(payload))
    }

    pub(crate) async fn exit(&mut self, outcome: Outcome) -> Unwinding<P::Error> {
        self.told = outcome;
        self.place.nested_ended().await;
        let Some(parts) = self.parts.take() else { return Unwinding::new(outcome) };
        let site = self.site;
        Shield::new(parts.unwind(outcome, site), outcome, site, &mut self.place).await
    }
}

impl<P: Parts> Drop for Held<P> {
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let (outcome, site, mut place) = (self.told, self.site, take(&mut self.place));
        // Dropped at the end, so that a panic of their destructors keeps no exit from running. No exit waits for what they
        // leave behind: they are beside the others, not in them.
        let _unentered = parts.unentered().inspect(|_| place.end());
        if !parts.is_empty() {
            detach(async move { parts.unwind(outcome, site).await.finish() }, outcome, site, place);
        }
    }
}
