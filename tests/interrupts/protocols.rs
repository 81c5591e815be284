//! Managers that are local, or suppress.

use std::future::{pending, ready};

use async_with::{AsyncContextManager, Interrupt, Outcome, Suppress, async_with};

use crate::common::trace::{Gate, Trace, Traced, losses};
use crate::{Stopping, opened};

struct LocalStopping<'a>(&'a Trace);

impl async_with::LocalAsyncContextManager for LocalStopping<'_> {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.log(outcome.to_string());
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        Interrupt::when(ready("stopped by a local manager"))
    }

    fn abandon(self, _value: ()) {
        self.0.log("abandon");
    }
}

#[tokio::test]
async fn a_local_manager_is_exited_and_not_abandoned_after_its_interrupt() {
    let trace = Trace::new();
    let block = async_with!(LocalStopping(&trace) => { pending::<()>().await });
    assert_eq!(block, Err("stopped by a local manager"));
    assert_eq!(trace.events(), ["interrupted"]);
}

/// A `Stopping` that swallows its own interrupts.
struct Swallowing(Stopping);

impl AsyncContextManager for Swallowing {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.enter().await
    }

    async fn exit(self, value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.exit(value, outcome).await
    }

    fn interrupt(&self, value: &()) -> Interrupt<&'static str> {
        self.0.interrupt(value)
    }
}

impl Suppress for Swallowing {
    fn suppress(&mut self, _value: &mut (), outcome: Outcome) -> bool {
        outcome == Outcome::Interrupted
    }
}

#[tokio::test]
async fn a_manager_that_suppresses_may_swallow_its_interrupt() {
    let trace = Trace::new();
    let swallowing =
        |name, stop: &Gate| Swallowing(Stopping::new(Traced::new(name, &trace), stop, "stopped"));
    let swallowed = async_with!(swallowing("A", &opened()) => {
        pending::<()>().await;
        5
    });
    assert_eq!(swallowed, Ok(None));
    assert!(trace.has("exit A: interrupted"));
    let not_stopped = async_with!(swallowing("B", &Gate::new()) => { 5 });
    assert_eq!(not_stopped, Ok(Some(5)));
}

#[tokio::test]
async fn an_exit_that_fails_after_a_swallowed_interrupt_is_the_blocks_error() {
    let (trace, losses) = (Trace::new(), losses());
    let traced = Traced::new("A", &trace).exit_fails("failed after a swallowed interrupt");
    let block =
        async_with!(Swallowing(Stopping::new(traced, &opened(), "stopped")) => { pending::<()>().await });
    assert_eq!(block, Err("failed after a swallowed interrupt"));
    assert!(losses.of("failed after a swallowed interrupt").is_empty());
}
