//! A stack in a block, and what interrupts it.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_with::{Interrupt, Outcome, async_with, settle};
use futures::FutureExt;

use crate::common::part::checks::{check_exactly_once, check_lifo, dropped_at_every_poll};
use crate::common::part::{End, Fault, Leave, Plan, Run, Step, body};
use crate::common::trace::poll_once;
use crate::{Stack, stack_block, three};

#[tokio::test]
async fn every_way_out_is_told_to_all() {
    for leave in Leave::ALL {
        let what = format!("{leave:?}");
        let make = |run: &Run| {
            let inner = run.clone();
            stack_block(three(run), async move { body(&inner, leave).await })
        };
        let whole = dropped_at_every_poll(make, true, &what).await;
        let told: Vec<_> = whole.events.iter().filter(|event| event.starts_with("exit ")).collect();
        let expected = ["C", "B", "A"].map(|name| format!("exit {name}: {}", leave.outcome()));
        assert_eq!(told, expected.iter().collect::<Vec<_>>(), "{what}");
    }
}

#[tokio::test]
async fn an_interrupt_of_any_part_stops_the_body_and_is_told_to_all() {
    for interrupting in 0..3 {
        let mut plans = [Plan::ok(); 3];
        plans[interrupting].interrupts = Some(1);
        let make = |run: &Run| {
            let inner = run.clone();
            stack_block(run.parts(&plans), async move { body(&inner, Leave::Never).await })
        };
        let run = Run::new();
        let mut block = Box::pin(make(&run));
        let fault = loop {
            if let Poll::Ready(result) = poll_once(block.as_mut()) {
                break result.unwrap_err();
            }
        };
        assert!(fault.0.ends_with("interrupt fault"), "{fault}");
        let events = run.events();
        check_exactly_once(&events, "interrupted");
        check_lifo(&events, "interrupted");
        assert!(
            events
                .iter()
                .filter(|event| event.starts_with("exit "))
                .all(|told| told.ends_with("interrupted"))
        );
    }
}

/// The body hangs in something else when the new interrupt comes: the block must be woken to see it.
#[tokio::test]
async fn an_interrupt_that_comes_with_a_concurrent_enter_is_not_missed() {
    let run = Run::new();
    let soon = Plan { interrupts: Some(0), enter: Step::new(3, End::Succeeds), ..Plan::ok() };
    let result: Result<(), Fault> = async_with!(Stack::new() as stack => {
        let mut entering: futures::stream::FuturesUnordered<_> = [stack.enter(run.part("A", soon))].into_iter().collect();
        // The handle is kept; what follows never ends.
        let _handle = futures::StreamExt::next(&mut entering).await.unwrap().unwrap();
        pending::<()>().await;
    });
    assert!(result.unwrap_err().0.contains("A interrupt"));
    run.expect(&["enter A", "entered A", "exit A: interrupted"]);
}

/// Its exit waits until the interrupt has been dropped, as it is in a block.
struct Watched(
    Arc<Mutex<Option<tokio::sync::oneshot::Sender<()>>>>,
    Option<tokio::sync::oneshot::Receiver<()>>,
);

impl Watched {
    fn new() -> Self {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        Self(Arc::new(Mutex::new(Some(sender))), Some(receiver))
    }
}

impl async_with::AsyncContextManager for Watched {
    type Value = ();
    type Error = Fault;

    async fn enter(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    async fn exit(mut self, _value: (), _outcome: Outcome) -> Result<(), Fault> {
        assert!(self.1.take().unwrap().await.is_err());
        Ok(())
    }

    fn interrupt(&self, _value: &()) -> Interrupt<Fault> {
        let alive = self.0.lock().unwrap().take();
        Interrupt::when(async move {
            pending::<()>().await;
            drop(alive);
            unreachable!("it is pending")
        })
    }
}

#[tokio::test]
async fn interrupts_are_gone_before_the_exits_begin() {
    let limit = std::time::Duration::from_secs(20);
    let in_block = async {
        async_with!(Stack::new() as stack => { let _handle = stack.enter(Watched::new()).await.unwrap(); })
    };
    tokio::time::timeout(limit, in_block).await.expect("it hangs in the block").unwrap();
    let closed = async {
        let stack = Stack::new();
        drop(stack.enter(Watched::new()).await?);
        stack.close().await
    };
    tokio::time::timeout(limit, closed).await.expect("it hangs closed").unwrap();
    let stack = Stack::new();
    drop(stack.enter(Watched::new()).await);
    drop(stack);
    tokio::time::timeout(limit, settle()).await.expect("it hangs dropped");
}

#[tokio::test]
async fn an_interrupt_that_panics_when_it_is_dropped_makes_a_panic() {
    struct Bad(Run);

    impl async_with::AsyncContextManager for Bad {
        type Value = ();
        type Error = Fault;

        async fn enter(&mut self) -> Result<(), Fault> {
            Ok(())
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Fault> {
            self.0.trace.log(format!("exit bad: {outcome}"));
            Ok(())
        }

        fn interrupt(&self, _value: &()) -> Interrupt<Fault> {
            let bomb = scopeguard::guard(self.0.fault("bomb"), |fault| std::panic::panic_any(fault.0));
            Interrupt::when(async move {
                pending::<()>().await;
                (*bomb).clone()
            })
        }
    }

    let run = Run::new();
    let stack = Stack::new();
    drop(stack.enter(run.part("A", Plan::ok())).await);
    drop(stack.enter(Bad(run.clone())).await);
    assert!(AssertUnwindSafe(stack.close()).catch_unwind().await.is_err());
    run.expect(&["enter A", "entered A", "exit bad: panicked", "exit A: panicked"]);
}

/// `Watched`, but the interrupt itself panics while it is made: the exit is owed already.
#[tokio::test]
async fn a_manager_whose_interrupt_panics_is_exited() {
    struct Bad(Run);

    impl async_with::AsyncContextManager for Bad {
        type Value = ();
        type Error = Fault;

        async fn enter(&mut self) -> Result<(), Fault> {
            Ok(())
        }

        async fn exit(self, _value: (), outcome: Outcome) -> Result<(), Fault> {
            self.0.trace.log(format!("exit bad: {outcome}"));
            Ok(())
        }

        fn interrupt(&self, _value: &()) -> Interrupt<Fault> {
            std::panic::panic_any(self.0.fault("interrupt").0)
        }
    }

    let run = Run::new();
    let bad = Bad(run.clone());
    let block = async move {
        async_with!(Stack::new() as stack => { let _handle = stack.enter(bad).await.unwrap(); })
    };
    assert!(AssertUnwindSafe(block).catch_unwind().await.is_err());
    run.expect(&["exit bad: panicked"]);
}

/// The body may put another stack in the place of its own: the first is dropped then, un-closed.
#[tokio::test]
async fn a_stack_that_the_body_replaces_hands_its_exits_over() {
    let run = Run::new();
    async_with!(Stack::new() as stack => {
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        **stack = Stack::new();
        drop(stack.enter(run.part("B", Plan::ok())).await.unwrap());
    })
    .unwrap();
    settle().await;
    check_exactly_once(&run.events(), "replaced");
    assert!(run.trace.has("exit A: cancelled") && run.trace.has("exit B: completed"), "{:?}", run.events());
}
