//! The managers of the programs in Rust: `managers.py` has the same for Python.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use async_with::{
    AsyncContextManager, ContextManager, Interrupt, LocalAsyncContextManager, ObserveError, Outcome,
    Suppress, context, defer, from_fn,
};

use crate::run::{Fault, Odd, Run};

/// What the values of all managers are.
#[derive(Debug)]
pub struct Counter {
    pub name: &'static str,
    pub count: i64,
}

/// What both languages know of an outcome.
fn told(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failed => "error",
        Outcome::Cancelled => "cancelled",
        Outcome::Interrupted => "interrupted",
        outcome if outcome.is_success() => "nothing",
        _ => "something else",
    }
}

impl Run {
    #[must_use]
    pub fn core(&self, name: &'static str) -> Core {
        Core { run: self.clone(), name, pauses: (0, 0), faults: (0, 0), start: 0 }
    }

    /// An exit of a stack.
    pub fn deferred(
        &self,
        name: &'static str,
        pauses: u32,
        fault: u32,
    ) -> impl FnOnce(Outcome) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + 'static
    {
        let core = self.core(name).pausing(0, pauses).failing(0, fault);
        |outcome| Box::pin(async move { core.leave(0, told(outcome)).await })
    }

    /// A function of a stack, which is told nothing.
    pub fn called(
        &self,
        name: &'static str,
        pauses: u32,
    ) -> impl FnOnce(Outcome) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static {
        let run = self.clone();
        move |_outcome| {
            Box::pin(async move {
                run.log(format!("call {name}"));
                run.pause(pauses).await;
                run.log(format!("called {name}"));
            })
        }
    }
}

/// What all managers do.
pub struct Core {
    run: Run,
    name: &'static str,
    pauses: (u32, u32),
    faults: (u32, u32),
    start: i64,
}

impl Core {
    #[must_use]
    pub fn pausing(self, enter: u32, exit: u32) -> Self {
        Self { pauses: (enter, exit), ..self }
    }

    #[must_use]
    pub fn failing(self, enter: u32, exit: u32) -> Self {
        Self { faults: (enter, exit), ..self }
    }

    #[must_use]
    pub fn starting(self, start: i64) -> Self {
        Self { start, ..self }
    }

    fn begin(&self) {
        self.run.log(format!("enter {}", self.name));
    }

    fn begun(&self) -> Result<Counter, Fault> {
        self.run.attempt(&format!("enter {}", self.name), self.faults.0)?;
        self.run.log(format!("entered {}", self.name));
        Ok(Counter { name: self.name, count: self.start })
    }

    async fn enter(&self) -> Result<Counter, Fault> {
        self.begin();
        self.run.pause(self.pauses.0).await;
        self.begun()
    }

    fn end(&self, count: i64, told: &str) {
        self.run.log(format!("exit {} told {told}, with {count}", self.name));
    }

    fn ended(&self) -> Result<(), Fault> {
        self.run.attempt(&format!("exit {}", self.name), self.faults.1)?;
        self.run.log(format!("exited {}", self.name));
        Ok(())
    }

    async fn leave(&self, count: i64, told: &str) -> Result<(), Fault> {
        self.end(count, told);
        self.run.pause(self.pauses.1).await;
        self.ended()
    }

    async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), Fault> {
        assert_eq!(value.name, self.name, "an exit is given the value that its enter gave");
        self.leave(value.count, told(outcome)).await
    }

    #[must_use]
    pub fn unsure(self) -> Unsure {
        Unsure(self)
    }

    #[must_use]
    pub fn sure(self) -> Sure {
        Sure(self)
    }

    #[must_use]
    pub fn odd(self) -> Oddly {
        Oddly(self)
    }

    #[must_use]
    pub fn local(self) -> Local {
        Local(self)
    }

    #[must_use]
    pub fn sync(self) -> Synchronous {
        Synchronous(self)
    }

    #[must_use]
    pub fn limit(self, after: u64, number: u32) -> Limit {
        Limit { core: self, after, number }
    }

    #[must_use]
    pub fn swallow(self, site: u32) -> Swallow {
        Swallow { core: self, site }
    }

    #[must_use]
    pub fn sure_swallow(self, site: u32) -> SureSwallow {
        SureSwallow { core: self, site }
    }

    #[must_use]
    pub fn picky(self, site: u32) -> Picky {
        Picky { core: self, site, even: false }
    }

    #[must_use]
    pub fn observer(self) -> Observer {
        Observer(self)
    }

    pub fn defer(self) -> impl AsyncContextManager<Value = (), Error = Fault> {
        defer(async move |outcome| self.leave(0, told(outcome)).await)
    }

    pub fn by_from_fn(self) -> impl AsyncContextManager<Value = Counter, Error = Fault> {
        let core = Arc::new(self);
        let entering = Arc::clone(&core);
        from_fn(
            move || async move { entering.enter().await },
            move |value: Counter, outcome| async move { core.leave(value.count, told(outcome)).await },
        )
    }

    pub fn by_context(self) -> impl AsyncContextManager<Value = Counter, Error = Fault> {
        context(move |body| async move {
            let value = self.enter().await?;
            let (value, done) = body.run(value).await;
            self.leave(value.count, told(done.outcome())).await?;
            Ok(done)
        })
    }
}

/// A manager that is no more than its core, under another trait or with another error.
macro_rules! manager {
    ($trait:ident for $name:ident: $error:ident, |$failed:ident| $convert:expr) => {
        pub struct $name(Core);

        impl $trait for $name {
            type Value = Counter;
            type Error = $error;

            async fn enter(&mut self) -> Result<Counter, $error> {
                self.0.enter().await.map_err(|$failed| $convert)
            }

            async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), $error> {
                self.0.exit(value, outcome).await.map_err(|$failed| $convert)
            }

            manager!(@abandon $trait);
        }
    };
    (@abandon LocalAsyncContextManager) => {
        fn abandon(self, value: Counter) {
            self.0.run.log(format!("abandon {}, with {}", self.0.name, value.count));
        }
    };
    (@abandon AsyncContextManager) => {};
}

manager!(AsyncContextManager for Unsure: Fault, |fault| fault);
manager!(AsyncContextManager for Oddly: Odd, |fault| fault.into());
manager!(AsyncContextManager for Sure: Infallible, |fault| unreachable!("{fault}"));
manager!(AsyncContextManager for Observer: Infallible, |fault| unreachable!("{fault}"));
manager!(LocalAsyncContextManager for Local: Fault, |fault| fault);

pub struct Synchronous(Core);

impl ContextManager for Synchronous {
    type Value = Counter;
    type Error = Fault;

    fn enter(&mut self) -> Result<Counter, Fault> {
        self.0.begin();
        self.0.begun()
    }

    fn exit(self, value: Counter, outcome: Outcome) -> Result<(), Fault> {
        self.0.end(value.count, told(outcome));
        self.0.ended()
    }
}

impl ObserveError for Observer {
    fn observe(&mut self, _value: &mut Counter, error: &(dyn Error + 'static)) {
        self.0.run.log(format!("{} observes {error}", self.0.name));
    }
}

/// Swallows failures, or does not.
pub struct Swallow {
    core: Core,
    site: u32,
}

/// The same, which cannot fail.
pub struct SureSwallow {
    core: Core,
    site: u32,
}

/// Swallows some of the errors with even numbers.
pub struct Picky {
    core: Core,
    site: u32,
    even: bool,
}

fn swallows(core: &Core, site: u32) -> bool {
    let swallows = core.run.chance(site, 70);
    if swallows {
        let lost = core.run.lost();
        core.run.log(format!("{} swallows, {lost}", core.name));
    }
    swallows
}

macro_rules! suppresses {
    ($name:ident: $error:ident, |$failed:ident| $convert:expr, |$manager:ident| $willing:expr) => {
        impl AsyncContextManager for $name {
            type Value = Counter;
            type Error = $error;

            async fn enter(&mut self) -> Result<Counter, $error> {
                self.core.enter().await.map_err(|$failed| $convert)
            }

            async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), $error> {
                self.core.exit(value, outcome).await.map_err(|$failed| $convert)
            }
        }

        impl Suppress for $name {
            fn suppress(&mut self, _value: &mut Counter, outcome: Outcome) -> bool {
                let $manager = &*self;
                outcome == Outcome::Failed && $willing && swallows(&self.core, self.site)
            }
        }
    };
}

suppresses!(Swallow: Fault, |fault| fault, |_manager| true);
suppresses!(SureSwallow: Infallible, |fault| unreachable!("{fault}"), |_manager| true);
suppresses!(Picky: Fault, |fault| fault, |manager| manager.even);

impl ObserveError for Picky {
    fn observe(&mut self, _value: &mut Counter, error: &(dyn Error + 'static)) {
        self.core.run.log(format!("{} observes {error}", self.core.name));
        self.even = error.downcast_ref::<Fault>().is_some_and(|Fault(number)| number % 2 == 0);
    }
}

/// Interrupts its body after some pauses.
pub struct Limit {
    core: Core,
    after: u64,
    number: u32,
}

impl AsyncContextManager for Limit {
    type Value = Counter;
    type Error = Fault;

    async fn enter(&mut self) -> Result<Counter, Fault> {
        self.core.enter().await
    }

    async fn exit(self, value: Counter, outcome: Outcome) -> Result<(), Fault> {
        if outcome == Outcome::Interrupted {
            let lost = self.core.run.lost();
            self.core.run.log(format!("{} is over, {lost}", self.core.name));
        }
        self.core.exit(value, outcome).await
    }

    fn interrupt(&self, _value: &Counter) -> Interrupt<Fault> {
        let (run, number) = (self.core.run.clone(), self.number);
        let at = run.reserve(self.after);
        Interrupt::when(poll_fn(
            move |_| if run.has_paused(at) { Poll::Ready(Fault(number)) } else { Poll::Pending },
        ))
    }
}
