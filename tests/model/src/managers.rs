//! The managers of real runs: each does what its plan says.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::task::Poll;

use async_with::{
    AsyncContextManager, ContextManager, Interrupt, LocalAsyncContextManager, ObserveError, Outcome, Suppress,
};

use crate::program::{Plan, Step};
use crate::run::{Fault, Run};

/// The expressions of items.
impl Run {
    /// A manager, as the expression of its item makes it.
    ///
    /// # Errors
    ///
    /// If its plan says so.
    pub fn plain(&self, name: &str) -> Result<Plain, Fault> {
        let plan = self.plan(name);
        self.end(name, "made", plan.made)?;
        Ok(Plain { plan, run: self.clone() })
    }

    /// As [`plain`](Self::plain).
    ///
    /// # Errors
    ///
    /// If its plan says so.
    pub fn local(&self, name: &str) -> Result<Local<'_>, Fault> {
        self.plain(name).map(|manager| Local { manager, _run: self })
    }

    /// As [`plain`](Self::plain).
    ///
    /// # Errors
    ///
    /// If its plan says so.
    pub fn sure(&self, name: &str) -> Result<Sure, Fault> {
        self.plain(name).map(Sure)
    }

    /// As [`plain`](Self::plain).
    ///
    /// # Errors
    ///
    /// If its plan says so.
    pub fn suppressing(&self, name: &str) -> Result<Suppressing, Fault> {
        self.plain(name).map(Suppressing)
    }

    /// As [`plain`](Self::plain).
    ///
    /// # Errors
    ///
    /// If its plan says so.
    pub fn observing(&self, name: &str) -> Result<Observing, Fault> {
        self.plain(name).map(Observing)
    }

    /// As [`plain`](Self::plain).
    ///
    /// # Errors
    ///
    /// If its plan says so.
    pub fn sync(&self, name: &str) -> Result<Sync, Fault> {
        self.plain(name).map(Sync)
    }
}

/// Does what its plan says; its value is its name.
pub struct Plain {
    plan: Plan,
    run: Run,
}

/// Says when an exit is dropped before its end.
struct UntilOver<'a> {
    manager: &'a Plain,
    over: bool,
}

impl Drop for UntilOver<'_> {
    fn drop(&mut self) {
        if !self.over && !std::thread::panicking() {
            self.manager.log("gone");
        }
    }
}

impl Plain {
    fn log(&self, what: &str) {
        self.run.log(format!("{what} {}", self.plan.name));
    }

    async fn step(&self, step: Step, what: &str) -> Result<(), Fault> {
        self.run.wait(step.pends).await;
        self.run.end(&self.plan.name, what, step.end)
    }

    async fn run_enter(&self) -> Result<String, Fault> {
        self.log("enter");
        self.step(self.plan.enter, "enter").await?;
        self.log("entered");
        Ok(self.plan.name.clone())
    }

    async fn run_exit(&self, value: &str, outcome: Outcome) -> Result<(), Fault> {
        self.begin_exit(value, outcome);
        let mut exit = UntilOver { manager: self, over: false };
        let ended = self.step(self.plan.exit, "exit").await;
        exit.over = true;
        ended?;
        self.log("exited");
        Ok(())
    }

    fn begin_exit(&self, value: &str, outcome: Outcome) {
        assert_eq!(value, self.plan.name, "the value of another manager");
        self.run.log(format!("exit {}: {outcome}", self.plan.name));
    }

    fn watch(&self) -> Interrupt<Fault> {
        let Some(releases) = self.plan.interrupts else { return Interrupt::never() };
        let (run, fault) = (self.run.clone(), self.run.fault(format!("{} interrupt", self.plan.name)));
        let due = run.released() + releases;
        // The harness polls whenever something was released: nobody need be woken.
        let mut fault = Some(fault);
        Interrupt::when(poll_fn(move |_| {
            let is_due = run.released() >= due;
            if is_due { Poll::Ready(fault.take().expect("it comes once")) } else { Poll::Pending }
        }))
    }

    fn ask(&self, outcome: Outcome) -> bool {
        self.run.log(format!("ask {}: {outcome}", self.plan.name));
        self.plan.swallows
    }
}

impl AsyncContextManager for Plain {
    type Value = String;
    type Error = Fault;

    async fn enter(&mut self) -> Result<String, Fault> {
        self.run_enter().await
    }

    async fn exit(self, value: String, outcome: Outcome) -> Result<(), Fault> {
        self.run_exit(&value, outcome).await
    }

    fn interrupt(&self, _value: &String) -> Interrupt<Fault> {
        self.watch()
    }
}

/// Borrows, so that it is not guaranteed.
pub struct Local<'a> {
    manager: Plain,
    _run: &'a Run,
}

impl LocalAsyncContextManager for Local<'_> {
    type Value = String;
    type Error = Fault;

    async fn enter(&mut self) -> Result<String, Fault> {
        self.manager.run_enter().await
    }

    async fn exit(self, value: String, outcome: Outcome) -> Result<(), Fault> {
        self.manager.run_exit(&value, outcome).await
    }

    fn interrupt(&self, _value: &String) -> Interrupt<Fault> {
        self.manager.watch()
    }

    fn abandon(self, value: String) {
        assert_eq!(value, self.manager.plan.name, "the value of another manager");
        self.manager.log("abandon");
    }
}

/// Cannot fail.
pub struct Sure(Plain);

impl AsyncContextManager for Sure {
    type Value = String;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<String, Infallible> {
        Ok(self.0.run_enter().await.expect("its plan does not fail"))
    }

    async fn exit(self, value: String, outcome: Outcome) -> Result<(), Infallible> {
        self.0.run_exit(&value, outcome).await.expect("its plan does not fail");
        Ok(())
    }
}

/// A manager that does what a plain one does, to which it adds an ability.
macro_rules! like_plain {
    ($Name:ident) => {
        pub struct $Name(Plain);

        impl AsyncContextManager for $Name {
            type Value = String;
            type Error = Fault;

            async fn enter(&mut self) -> Result<String, Fault> {
                self.0.run_enter().await
            }

            async fn exit(self, value: String, outcome: Outcome) -> Result<(), Fault> {
                self.0.run_exit(&value, outcome).await
            }

            fn interrupt(&self, _value: &String) -> Interrupt<Fault> {
                self.0.watch()
            }
        }
    };
}

like_plain!(Suppressing);

impl Suppress for Suppressing {
    fn suppress(&mut self, _value: &mut String, outcome: Outcome) -> bool {
        self.0.ask(outcome)
    }
}

like_plain!(Observing);

impl ObserveError for Observing {
    fn observe(&mut self, _value: &mut String, error: &(dyn Error + 'static)) {
        self.0.run.log(format!("observe {}: {error}", self.0.plan.name));
    }
}

/// For `with!`.
pub struct Sync(Plain);

impl ContextManager for Sync {
    type Value = String;
    type Error = Fault;

    fn enter(&mut self) -> Result<String, Fault> {
        self.0.log("enter");
        self.0.run.end(&self.0.plan.name, "enter", self.0.plan.enter.end)?;
        self.0.log("entered");
        Ok(self.0.plan.name.clone())
    }

    fn exit(self, value: String, outcome: Outcome) -> Result<(), Fault> {
        self.0.begin_exit(&value, outcome);
        self.0.run.end(&self.0.plan.name, "exit", self.0.plan.exit.end)?;
        self.0.log("exited");
        Ok(())
    }
}
