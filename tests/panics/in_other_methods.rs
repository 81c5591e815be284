//! Panics in `interrupt`, `observe` and `suppress`.

use std::error::Error;
use std::panic::panic_any;

use async_with::{AsyncContextManager, Interrupt, ObserveError, Outcome, Suppress, async_with};
use scopeguard::defer;

use crate::common::trace::{Trace, Traced, yield_once};
use crate::{Payload, panic_of, text_of};

/// Panics where it is told to.
struct Fragile {
    traced: Traced,
    at: &'static str,
}

impl Fragile {
    fn new(at: &'static str, trace: &Trace) -> Self {
        Self { traced: Traced::new("A", trace), at }
    }

    fn reach(&self, at: &'static str) {
        if self.at == at {
            panic_any(at);
        }
    }
}

impl AsyncContextManager for Fragile {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.traced.run_enter().await
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.traced.run_exit(outcome).await
    }

    fn interrupt(&self, _value: &()) -> Interrupt<&'static str> {
        self.reach("in interrupt");
        match self.at {
            "in the interrupt's future" => Interrupt::when(async {
                yield_once().await;
                panic_any("in the interrupt's future")
            }),
            "interrupted" => Interrupt::when(std::future::ready("interrupted")),
            _ => Interrupt::never(),
        }
    }
}

/// A `Fragile` that observes errors.
struct Observing(Fragile);

impl AsyncContextManager for Observing {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.enter().await
    }

    async fn exit(self, value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.exit(value, outcome).await
    }
}

impl ObserveError for Observing {
    fn observe(&mut self, _value: &mut (), _error: &(dyn Error + 'static)) {
        self.0.reach("in observe");
    }
}

/// A `Fragile` that may suppress.
struct Suppressing(Fragile);

impl AsyncContextManager for Suppressing {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        self.0.enter().await
    }

    async fn exit(self, value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.0.exit(value, outcome).await
    }
}

impl Suppress for Suppressing {
    fn suppress(&mut self, _value: &mut (), _outcome: Outcome) -> bool {
        self.0.reach("in suppress");
        true
    }
}

#[tokio::test]
async fn a_panic_in_interrupt_counts_as_one_of_the_body_which_does_not_run() {
    let trace = Trace::new();
    let block = async { async_with!(Fragile::new("in interrupt", &trace) => { trace.log("body") }) };
    assert_eq!(text_of(block).await, "in interrupt");
    assert_eq!(trace.events(), ["enter A", "entered A", "exit A: panicked", "exited A"]);
}

#[tokio::test]
async fn a_panic_in_the_future_of_an_interrupt_counts_as_one_of_the_body() {
    let trace = Trace::new();
    let block = async {
        async_with!(Fragile::new("in the interrupt's future", &trace) => {
            defer! { trace.log("local dropped") }
            std::future::pending::<()>().await;
        })
    };
    assert_eq!(text_of(block).await, "in the interrupt's future");
    assert_eq!(trace.events()[2..], ["local dropped", "exit A: panicked", "exited A"]);
}

#[tokio::test]
async fn a_panic_in_observe_counts_as_one_of_the_body() {
    async fn failing(trace: &Trace) -> Result<(), std::fmt::Error> {
        async_with!(Observing(Fragile::new("in observe", trace)) => { Err(std::fmt::Error)? }).unwrap();
        Ok(())
    }

    let trace = Trace::new();
    assert_eq!(text_of(failing(&trace)).await, "in observe");
    assert_eq!(trace.events()[2..], ["exit A: panicked", "exited A"]);
}

// CPython's `testErrorsInBool`: the decision itself fails.
#[tokio::test]
async fn a_panic_in_suppress_counts_as_one_of_the_body() {
    let trace = Trace::new();
    let block = async {
        async_with!(Suppressing(Fragile::new("in suppress", &trace)) => { Err::<(), _>("a value that is an Err") })
    };
    assert_eq!(text_of(block).await, "in suppress");
    assert_eq!(trace.events()[2..], ["exit A: panicked", "exited A"]);
}

#[tokio::test]
async fn a_panic_is_never_suppressed() {
    let trace = Trace::new();
    let block =
        async { async_with!(Suppressing(Fragile::new("nowhere", &trace)) => { panic_any(Payload(3)) }) };
    assert_eq!(panic_of(block).await.downcast_ref(), Some(&Payload(3)));
    assert_eq!(trace.events()[2..], ["exit A: panicked", "exited A"]);
}

#[tokio::test]
async fn a_panic_in_the_drop_of_an_interrupted_body_wins_over_the_interrupt() {
    let trace = Trace::new();
    let block = async {
        async_with!(Fragile::new("interrupted", &trace) => {
            defer! { panic_any("in the drop of an interrupted body") }
            std::future::pending::<()>().await;
        })
    };
    assert_eq!(text_of(block).await, "in the drop of an interrupted body");
    assert_eq!(trace.events()[2..], ["exit A: panicked", "exited A"]);
}
