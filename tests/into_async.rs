//! Synchronous managers in asynchronous blocks: `into_async` and `into_async_local`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::cell::RefCell;
use std::convert::Infallible;
use std::panic::panic_any;

use async_with::{
    AsyncContextManager, AsyncContextManagerExt, AsyncExitStack, ContextManager, ContextManagerExt, Outcome,
    async_with, settle,
};

use crate::common::log::{Failure, Log};
use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};
use crate::common::ways::{Ended, WAYS, Way, drive, leave, unique};

/// Speaks only the synchronous protocol.
struct Sync {
    trace: Trace,
    enter: Result<(), &'static str>,
    exit: Result<(), &'static str>,
    panics: bool,
}

impl Sync {
    fn new(trace: &Trace) -> Self {
        Self { trace: trace.clone(), enter: Ok(()), exit: Ok(()), panics: false }
    }
}

impl ContextManager for Sync {
    type Value = ();
    type Error = &'static str;

    fn enter(&mut self) -> Result<(), &'static str> {
        self.trace.log("enter S");
        self.enter
    }

    fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        self.trace.log(format!("exit S: {outcome}"));
        match self.exit {
            Err(error) if self.panics => panic_any(error),
            exited => exited,
        }
    }
}

// test262: await-using initializer-Symbol.dispose-called-at-end-of-block, -asyncfunctionbody, -forstatement.
#[tokio::test]
async fn it_exits_on_every_way_out() {
    for way in WAYS.into_iter().filter(|way| *way != Way::Interrupt) {
        for local in [false, true] {
            let trace = Trace::new();
            let sync = Sync::new(&trace);
            let ended = if local {
                drive(leave(sync.into_async_local(), way, &trace), 9)
            } else {
                drive(leave(sync.into_async(), way, &trace), 9)
            };
            let expected = match way {
                Way::WithAnErr | Way::QuestionMark => Ended::Err("body".to_owned()),
                Way::Panic => Ended::Panicked("body"),
                _ => Ended::Ok,
            };
            assert_eq!(ended, expected, "{way:?}");
            let exit = format!("exit S: {}", way.outcome());
            assert_eq!(trace.events()[..3], ["enter S", "body", &exit], "{way:?}");
            assert_eq!(trace.events().iter().filter(|event| event.starts_with("exit")).count(), 1, "{way:?}");
        }
    }
}

#[tokio::test]
async fn its_errors_and_panics_leave() {
    let trace = Trace::new();
    let fails = |enter, exit, panics| Sync { enter, exit, panics, ..Sync::new(&trace) };
    assert_eq!(async_with!(fails(Err("enter"), Ok(()), false).into_async() => {}), Err("enter"));
    assert_eq!(async_with!(fails(Err("enter"), Ok(()), false).into_async_local() => {}), Err("enter"));
    assert!(!trace.events().iter().any(|event| event.starts_with("exit")));
    assert_eq!(async_with!(fails(Ok(()), Err("exit"), false).into_async() => {}), Err("exit"));
    assert_eq!(async_with!(fails(Ok(()), Err("exit"), false).into_async_local() => {}), Err("exit"));
    let panics = leave(fails(Ok(()), Err("panic"), true).into_async(), Way::Return, &trace);
    assert_eq!(drive(panics, 9), Ended::Panicked("panic"));
    let panics = leave(fails(Ok(()), Err("panic"), true).into_async_local(), Way::Return, &trace);
    assert_eq!(drive(panics, 9), Ended::Panicked("panic"));
    let both = leave(fails(Ok(()), Err("panic"), true).into_async_local(), Way::Panic, &trace);
    assert_eq!(drive(both, 9), Ended::Panicked("body"), "the first panic wins");
}

#[tokio::test]
async fn cut_it_exits_detached_in_its_place_among_others() {
    let trace = Trace::new();
    let block = async {
        async_with!(Traced::new("A", &trace), Sync::new(&trace).into_async(), Traced::new("B", &trace) => {
            trace.step("body").await;
        })
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[6..],
        ["exit B: cancelled", "exited B", "exit S: cancelled", "exit A: cancelled", "exited A"]
    );
}

// test262: disposables mixed with async ones in one stack; use/adds-sync-disposable-value.
#[tokio::test]
async fn it_goes_into_an_exit_stack() {
    let trace = Trace::new();
    let stack = AsyncExitStack::<&'static str>::new();
    drop(stack.enter(Traced::new("A", &trace)).await.unwrap());
    drop(stack.enter(Sync::new(&trace).into_async()).await.unwrap());
    drop(stack.enter(Sync::new(&trace).into_async().boxed()).await.unwrap());
    assert_eq!(stack.close().await, Ok(()));
    assert_eq!(
        trace.events()[4..],
        ["exit S: completed", "exit S: completed", "exit A: completed", "exited A"]
    );
}

// test262: async-disposal-from-sync-method-returning-a-promise: it never waits.
#[tokio::test]
async fn it_adds_no_poll() {
    let log = Log::default();
    let mut block = Box::pin(async {
        async_with!(
            ContextManagerExt::into_async(log.sure("a")),
            ContextManagerExt::into_async_local(log.unsure("b")) => 1
        )
    });
    assert_eq!(poll_once(block.as_mut()), std::task::Poll::Ready(Ok(1)));
    log.expect(&["enter a", "enter b", "exit b: completed", "exit a: completed"]);
}

/// Writes to what it borrows.
struct Push<'a>(&'a RefCell<Vec<String>>);

impl ContextManager for Push<'_> {
    type Value = String;
    type Error = Infallible;

    fn enter(&mut self) -> Result<String, Infallible> {
        Ok("value".to_owned())
    }

    fn exit(self, value: String, outcome: Outcome) -> Result<(), Infallible> {
        self.0.borrow_mut().push(format!("{value}: {outcome}"));
        Ok(())
    }
}

#[tokio::test]
async fn one_that_borrows_exits_in_the_drop() {
    let exits = RefCell::new(Vec::new());
    let mut block = Box::pin(async {
        async_with!(Push(&exits).into_async_local() as value => {
            value.push('!');
            yield_once().await;
        });
    });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    assert_eq!(*exits.borrow(), ["value!: cancelled"]);
}

#[tokio::test]
async fn one_that_is_never_polled_or_not_entered_does_not_exit() {
    let trace = Trace::new();
    drop(async { async_with!(Sync::new(&trace).into_async_local() => {}) });
    assert_eq!(trace.events(), [""; 0]);
}

// It waits for the exit of the nested block, and is dropped there: the body has ended, and that is what it is told.
#[tokio::test]
async fn cut_while_it_waits_for_a_nested_exit_it_is_told_how_the_body_ended() {
    for way in [Way::AtTheEnd, Way::Return, Way::QuestionMark, Way::Panic] {
        let (trace, gate) = (Trace::new(), Gate::new());
        let mut block = Box::pin(async {
            async_with!(Sync::new(&trace).into_async_local() => {
                let nested =
                    async { async_with!(Traced::new("N", &trace).exit_waits(&gate) => trace.step("nested").await) };
                cut_at(nested, &trace, "nested").await;
                trace.log("body ends");
                match way {
                    Way::Return => return Ok(()),
                    Way::QuestionMark => Err("body")?,
                    Way::Panic => panic_any("body"),
                    _ => {}
                }
            })
        });
        assert!(futures::poll!(&mut block).is_pending());
        while !trace.has("body ends") {
            tokio::task::yield_now().await;
            assert!(futures::poll!(&mut block).is_pending(), "it waits for the nested exit");
        }
        drop(block);
        let exit = format!("exit S: {}", way.outcome());
        assert!(trace.has(&exit), "{way:?}: {:?}", trace.events());
        gate.open();
        settle().await;
        assert!(trace.has("exited N"));
        assert_eq!(trace.events().iter().filter(|event| event.starts_with("exit S")).count(), 1);
    }
}

#[tokio::test]
async fn what_fails_in_the_drop_is_reported() {
    losses();
    for panics in [false, true] {
        let (trace, mark) = (Trace::new(), unique("in the drop"));
        let sync = Sync { exit: Err(mark), panics, ..Sync::new(&trace) };
        let mut block = Box::pin(async { async_with!(sync.into_async_local() => trace.step("body").await) });
        assert!(poll_once(block.as_mut()).is_pending());
        drop(block);
        let lost = losses().of(mark);
        assert_eq!(lost.len(), 1);
        assert_eq!((lost[0].outcome, lost[0].file), (Outcome::Cancelled, file!()));
        assert!(lost[0].manager.contains("Sync"), "{lost:?}");
    }
}

#[tokio::test]
async fn exits_around_one_that_borrows_still_wait_for_those_nested_in_it() {
    let trace = Trace::new();
    let gate = Gate::new();
    let block = async {
        async_with!(Traced::new("A", &trace) => {
            async_with!(Sync::new(&trace).into_async_local() => {
                async_with!(Traced::new("B", &trace).exit_waits(&gate) => trace.step("body").await)
            })
        })
    };
    cut_at(block, &trace, "body").await;
    assert_eq!(trace.events().last().unwrap(), "exit S: cancelled", "in the drop, though B has not ended");
    trace.reached("exit B: cancelled").await;
    assert!(!trace.has("exit A: cancelled"));
    gate.open();
    settle().await;
    assert_eq!(trace.events()[8..], ["exited B", "exit A: cancelled", "exited A"]);
}

#[tokio::test]
async fn an_exit_in_the_drop_while_the_thread_panics_does_not_abort() {
    let (trace, mark) = (Trace::new(), unique("panic in a panic"));
    losses();
    let sync = Sync { exit: Err(mark), panics: true, ..Sync::new(&trace) };
    let mut block = Box::pin(async { async_with!(sync.into_async_local() => trace.step("body").await) });
    assert!(poll_once(block.as_mut()).is_pending());
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _block = block;
        panic_any("first");
    }));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"first"));
    assert_eq!(losses().of(mark).len(), 1);
}

// The value that was lent to the body is dropped once, by the exit.
#[tokio::test]
async fn its_value_does_not_leak() {
    struct Lends(Log);

    impl ContextManager for Lends {
        type Value = crate::common::log::OnDrop;
        type Error = Failure;

        fn enter(&mut self) -> Result<Self::Value, Failure> {
            Ok(self.0.on_drop("value dropped"))
        }

        fn exit(self, value: Self::Value, outcome: Outcome) -> Result<(), Failure> {
            self.0.add(format!("exit: {outcome}"));
            drop(value);
            self.0.add("exited");
            Ok(())
        }
    }

    let log = Log::default();
    let mut block = Box::pin(async { async_with!(Lends(log.clone()).into_async() => yield_once().await) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    settle().await;
    log.expect(&["exit: cancelled", "value dropped", "exited"]);
}

#[allow(dead_code, reason = "it need only compile")]
fn a_manager_that_is_not_send_can_only_be_local() -> impl async_with::LocalAsyncContextManager {
    struct Confined(std::rc::Rc<()>);

    impl ContextManager for Confined {
        type Value = std::rc::Rc<()>;
        type Error = Infallible;

        fn enter(&mut self) -> Result<Self::Value, Infallible> {
            Ok(std::rc::Rc::clone(&self.0))
        }

        fn exit(self, _value: Self::Value, _outcome: Outcome) -> Result<(), Infallible> {
            Ok(())
        }
    }

    Confined(std::rc::Rc::default()).into_async_local()
}

fn needs_the_guarantee(_: impl AsyncContextManager) {}

#[test]
fn adapted_it_is_a_manager_like_any_other() {
    needs_the_guarantee(ContextManagerExt::into_async(Log::default().sure("a")).boxed());
}
