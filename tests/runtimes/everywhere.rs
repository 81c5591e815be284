//! What holds on every executor.

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::thread;

use async_with::{
    AsyncContextManager, AsyncExitStack, ContextManager, Outcome, async_with, settle, together, with,
};
use futures::future::{Either, FutureExt, join, join_all, select};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};
use crate::common::ways::{WAYS, Way, leave, unique};
use crate::{Executor, NEST_EXITED, On, nest};

/// A test of each function of this module, on one executor.
macro_rules! on {
    ($executor:ty) => {
        $crate::everywhere::on! { $executor:
            a_block_gives_its_value_after_its_exit
            every_way_out_awaits_the_exit
            every_way_out_awaits_the_exit_of_a_local_manager
            a_local_manager_that_is_cut_is_abandoned_or_loses_its_exit
            a_stack_is_exited_when_it_is_left_and_when_it_is_cut
            managers_that_are_together_are_exited_together_also_when_they_are_cut
            a_synchronous_block_that_is_cut_is_exited_at_once
            a_detached_exit_runs_where_it_should
            a_cut_block_is_exited_and_settle_waits_for_it
            settle_can_be_bounded
            an_exit_that_had_begun_runs_on
            an_exit_that_is_cut_while_it_awaits_its_executor_is_woken_where_it_runs_on
            an_enter_that_is_cut_has_no_exit_but_the_managers_before_it_have
            nested_blocks_that_are_cut_are_exited_from_the_inside_out
            an_outer_exit_waits_in_place_for_a_detached_inner_one
            many_exits_wait_at_once
            an_exit_that_does_not_end_stops_no_other
            failures_and_panics_of_detached_exits_go_to_the_hook_and_stop_no_other_exit
            a_destructor_that_panics_in_a_detached_exit_stops_no_other_exit
            settle_ends_when_nothing_is_detached
        }
    };
    ($executor:ty: $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                <$executor as $crate::Executor>::block_on($crate::everywhere::$case::<$executor>());
            }
        )*
    };
}
pub(crate) use on;

async fn endless<M: AsyncContextManager>(manager: M, trace: Trace) -> Result<(), M::Error> {
    let block: Result<Infallible, _> = async_with!(manager => {
        trace.step("body").await;
        pending().await
    });
    block.map(|never| match never {})
}

// Ways out that need no help.

pub async fn a_block_gives_its_value_after_its_exit<E: Executor>() {
    let trace = Trace::new();
    let value = async_with!(On::<E>::new("A", &trace), On::<E>::new("B", &trace) => {
        trace.step("body").await;
        5
    });
    assert_eq!(value, Ok(5));
    assert_eq!(
        trace.events()[4..],
        ["body", "exit B: completed", "exited B", "exit A: completed", "exited A"]
    );
}

/// Where a block that is left in this way is seen to have gone, and what it gave.
fn gone(way: Way) -> (&'static [&'static str], Result<Result<(), &'static str>, &'static str>) {
    match way {
        Way::AtTheEnd => (&["after"], Ok(Ok(()))),
        Way::WithAnErr => (&["after"], Ok(Err("body"))),
        Way::Return => (&[], Ok(Ok(()))),
        Way::QuestionMark => (&[], Ok(Err("body"))),
        Way::Break => (&["after the loop"], Ok(Ok(()))),
        Way::Continue => (&["continued", "after the loop"], Ok(Ok(()))),
        Way::Panic => (&[], Err("body")),
        Way::Interrupt => (&["after"], Ok(Err("\"interrupt\""))),
    }
}

async fn each_way(block: impl AsyncFn(Traced, Way, &Trace) -> Result<(), String>) {
    for way in WAYS {
        let trace = Trace::new();
        let mut manager = Traced::new("A", &trace);
        if way == Way::Interrupt {
            manager = manager.interrupts("interrupt");
        }
        let left = AssertUnwindSafe(block(manager, way, &trace)).catch_unwind().await;
        let (went, gave) = gone(way);
        match left {
            Ok(left) => assert_eq!(Ok(left.as_ref().copied().map_err(String::as_str)), gave, "{way:?}"),
            Err(payload) => assert_eq!(payload.downcast_ref::<&str>(), gave.as_ref().err(), "{way:?}"),
        }
        let events = trace.events();
        assert_eq!(events[..3], ["enter A", "entered A", "body"], "{way:?}");
        assert_eq!(events[3..5], [format!("exit A: {}", way.outcome()), "exited A".to_owned()], "{way:?}");
        assert_eq!(events[5..], *went, "{way:?}");
    }
}

pub async fn every_way_out_awaits_the_exit<E: Executor>() {
    each_way(async |manager, way, trace| leave(On::<E>::over(manager), way, trace).await).await;
}

pub async fn every_way_out_awaits_the_exit_of_a_local_manager<E: Executor>() {
    each_way(async |manager, way, trace| leave(On::<E>::over(manager).local(), way, trace).await).await;
}

pub async fn a_local_manager_that_is_cut_is_abandoned_or_loses_its_exit<E: Executor>() {
    let (trace, never) = (Trace::new(), Gate::new());
    let manager = On::<E>::new("A", &trace).local();
    let block = async {
        async_with!(manager => {
            trace.step("body").await;
            pending::<()>().await;
        })
    };
    cut_at(block, &trace, "body").await;
    let manager = On::<E>::over(Traced::new("B", &trace).exit_waits(&never)).local();
    cut_at(async { async_with!(manager => {}) }, &trace, "exit B: completed").await;
    settle().await;
    assert_eq!(
        trace.events()[3..],
        ["abandon A", "enter B", "entered B", "exit B: completed", "exit B dropped"]
    );
}

// Several managers.

async fn stack<E: Executor>(trace: &Trace) -> Result<(), &'static str> {
    async_with!(AsyncExitStack::<&'static str>::new() as stack => {
        stack.enter(On::<E>::new("A", trace)).await?;
        let deferred = trace.clone();
        stack.defer(async move |outcome| {
            E::wait().await;
            deferred.log(format!("deferred: {outcome}"));
            Ok(())
        });
        stack.enter(On::<E>::new("B", trace)).await?;
        trace.step("body").await;
    })
}

pub async fn a_stack_is_exited_when_it_is_left_and_when_it_is_cut<E: Executor>() {
    let trace = Trace::new();
    stack::<E>(&trace).await.unwrap();
    assert_eq!(
        trace.events()[5..],
        ["exit B: completed", "exited B", "deferred: completed", "exit A: completed", "exited A"]
    );
    let trace = Trace::new();
    cut_at(stack::<E>(&trace), &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[5..],
        ["exit B: cancelled", "exited B", "deferred: cancelled", "exit A: cancelled", "exited A"]
    );
}

pub async fn managers_that_are_together_are_exited_together_also_when_they_are_cut<E: Executor>() {
    for cut in [false, true] {
        let (trace, gate) = (Trace::new(), Gate::new());
        let one = On::<E>::over(Traced::new("A", &trace).exit_waits(&gate));
        let other = On::<E>::over(Traced::new("B", &trace).exit_waits(&gate));
        let block = async { async_with!(together((one, other)) => { trace.step("body").await; }) };
        let outcome = if cut { Outcome::Cancelled } else { Outcome::Completed };
        // Each waits until both have begun.
        let opener = async {
            trace.reached(&format!("exit A: {outcome}")).await;
            trace.reached(&format!("exit B: {outcome}")).await;
            gate.open();
        };
        if cut {
            cut_at(block, &trace, "body").await;
            opener.await;
            settle().await;
        } else {
            join(block, opener).await.0.unwrap();
        }
        assert!(trace.has("exited A") && trace.has("exited B"), "{outcome}: {:?}", trace.events());
    }
}

struct Synchronous(Trace);

impl ContextManager for Synchronous {
    type Value = ();
    type Error = Infallible;

    fn enter(&mut self) -> Result<(), Infallible> {
        self.0.log("enter");
        Ok(())
    }

    fn exit(self, _value: (), outcome: Outcome) -> Result<(), Infallible> {
        self.0.log(format!("exit: {outcome}"));
        Ok(())
    }
}

pub async fn a_synchronous_block_that_is_cut_is_exited_at_once<E: Executor>() {
    let trace = Trace::new();
    with!(Synchronous(trace.clone()) => async {
        E::wait().await;
        trace.log("body");
    });
    assert_eq!(trace.events(), ["enter", "body", "exit: completed"]);
    let trace = Trace::new();
    let block = async {
        with!(Synchronous(trace.clone()) => async {
            trace.step("body").await;
            E::wait().await;
        });
    };
    cut_at(block, &trace, "body").await;
    assert_eq!(trace.events(), ["enter", "body", "exit: cancelled"]);
}

// Detached exits.

/// Says on which thread its exit runs, before and after it has awaited its executor.
struct WhichThread<E>(UnboundedSender<thread::Thread>, std::marker::PhantomData<fn() -> E>);

impl<E: Executor> AsyncContextManager for WhichThread<E> {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        self.0.send(thread::current()).unwrap();
        E::wait().await;
        self.0.send(thread::current()).unwrap();
        Ok(())
    }
}

pub async fn a_detached_exit_runs_where_it_should<E: Executor>() {
    let (sender, mut threads) = unbounded_channel();
    let manager = WhichThread::<E>(sender, std::marker::PhantomData);
    let mut block = Box::pin(async { async_with!(manager => { pending::<()>().await }) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    for _ in 0..2 {
        let thread = threads.recv().await.unwrap();
        let of_the_crate = thread.name().is_some_and(|name| name.contains("async-with"));
        assert_eq!(of_the_crate, E::EXITS_ON_THE_THREAD, "{thread:?}");
    }
    assert!(threads.recv().await.is_none(), "exactly one exit");
}

pub async fn a_cut_block_is_exited_and_settle_waits_for_it<E: Executor>() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = On::<E>::over(Traced::new("A", &trace).exit_waits(&gate));
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    trace.reached("exit A: cancelled").await;
    let mut settled = Box::pin(settle());
    assert!(poll_once(settled.as_mut()).is_pending());
    gate.open();
    settled.await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

pub async fn settle_can_be_bounded<E: Executor>() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = On::<E>::over(Traced::new("A", &trace).exit_waits(&gate));
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    trace.reached("exit A: cancelled").await;
    match select(Box::pin(settle()), E::wait()).await {
        Either::Left(_) => panic!("an exit is still running"),
        Either::Right(((), settling)) => drop(settling),
    }
    gate.open();
    settle().await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

pub async fn an_exit_that_had_begun_runs_on<E: Executor>() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = On::<E>::over(Traced::new("A", &trace).exit_waits(&gate));
    cut_at(async { async_with!(manager => {}) }, &trace, "exit A: completed").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"]);
}

/// Its exit is suspended after what it awaits has been told whom to wake.
struct Waiting<E>(Trace, std::marker::PhantomData<fn() -> E>);

impl<E: Executor> AsyncContextManager for Waiting<E> {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        let mut waiting = E::wait();
        let over = futures::poll!(&mut waiting).is_ready();
        self.0.step(&format!("waits: {outcome}")).await;
        if !over {
            waiting.await;
        }
        self.0.log("waited");
        Ok(())
    }
}

pub async fn an_exit_that_is_cut_while_it_awaits_its_executor_is_woken_where_it_runs_on<E: Executor>() {
    let trace = Trace::new();
    let manager = Waiting::<E>(trace.clone(), std::marker::PhantomData);
    cut_at(async { async_with!(manager => {}) }, &trace, "waits: completed").await;
    settle().await;
    assert_eq!(trace.events(), ["waits: completed", "waited"]);
}

pub async fn an_enter_that_is_cut_has_no_exit_but_the_managers_before_it_have<E: Executor>() {
    let (trace, never) = (Trace::new(), Gate::new());
    let second = On::<E>::over(Traced::new("B", &trace).enter_waits(&never));
    let block = async { async_with!(On::<E>::new("A", &trace), second => {}) };
    cut_at(block, &trace, "enter B").await;
    settle().await;
    assert_eq!(trace.events()[2..], ["enter B", "enter B dropped", "exit A: cancelled", "exited A"]);
}

pub async fn nested_blocks_that_are_cut_are_exited_from_the_inside_out<E: Executor>() {
    let trace = Trace::new();
    cut_at(nest::<E>(trace.clone()), &trace, "body").await;
    settle().await;
    assert_eq!(trace.events()[7..], NEST_EXITED);
}

pub async fn an_outer_exit_waits_in_place_for_a_detached_inner_one<E: Executor>() {
    let (trace, gate) = (Trace::new(), Gate::new());
    let outer = async {
        async_with!(On::<E>::new("A", &trace) => {
            let inner = On::<E>::over(Traced::new("B", &trace).exit_waits(&gate));
            cut_at(endless(inner, trace.clone()), &trace, "body").await;
        })
    };
    let opener = async {
        trace.reached("exit B: cancelled").await;
        // An exit that did not wait would come to its end.
        E::wait().await;
        E::wait().await;
        gate.open();
    };
    join(outer, opener).await.0.unwrap();
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: completed", "exited A"]);
}

pub async fn many_exits_wait_at_once<E: Executor>() {
    const MANY: usize = 500;
    let (trace, gate) = (Trace::new(), Gate::new());
    let count = |event: &str| trace.events().iter().filter(|known| *known == event).count();
    let all = async |event| {
        while count(event) < MANY {
            yield_once().await;
        }
    };
    let blocks =
        join_all((0..MANY).map(|_| endless(Traced::new("A", &trace).exit_waits(&gate), trace.clone())));
    match select(Box::pin(blocks), Box::pin(all("body"))).await {
        Either::Left(_) => unreachable!("their bodies do not end"),
        Either::Right(((), blocks)) => drop(blocks),
    }
    all("exit A: cancelled").await;
    assert_eq!(count("exited A"), 0);
    gate.open();
    settle().await;
    assert_eq!((count("exit A: cancelled"), count("exited A")), (MANY, MANY));
}

pub async fn an_exit_that_does_not_end_stops_no_other<E: Executor>() {
    let (trace, stuck, gate) = (Trace::new(), Trace::new(), Gate::new());
    let manager = On::<E>::over(Traced::new("stuck", &stuck).exit_waits(&gate));
    cut_at(endless(manager, stuck.clone()), &stuck, "body").await;
    stuck.reached("exit stuck: cancelled").await;
    for _ in 0..3 {
        let trace = Trace::new();
        cut_at(endless(On::<E>::new("A", &trace), trace.clone()), &trace, "body").await;
        trace.reached("exited A").await;
    }
    async_with!(On::<E>::new("B", &trace) => {}).unwrap();
    assert_eq!(stuck.events().last().unwrap(), "exit stuck: cancelled");
    // For ever would hold up the other tests' `settle`.
    gate.open();
    stuck.reached("exited stuck").await;
}

pub async fn failures_and_panics_of_detached_exits_go_to_the_hook_and_stop_no_other_exit<E: Executor>() {
    let losses = losses();
    let (failure, panic) = (unique("failed"), unique("panicked"));
    let trace = Trace::new();
    let block = async {
        async_with!(
            On::<E>::new("A", &trace),
            On::<E>::over(Traced::new("B", &trace).exit_fails(failure)),
            On::<E>::over(Traced::new("C", &trace).exit_panics(panic)) => { trace.step("body").await; }
        )
    };
    cut_at(block, &trace, "body").await;
    settle().await;
    assert_eq!(
        trace.events()[7..],
        [
            "exit C: cancelled",
            "exit C panicked",
            "exit B: cancelled",
            "exit B failed",
            "exit A: cancelled",
            "exited A"
        ]
    );
    for text in [failure, panic] {
        let told: Vec<_> = losses.of(text).iter().map(|loss| loss.outcome).collect();
        assert_eq!(told, [Outcome::Cancelled], "{text}");
    }
}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Explosive(&'static str);

impl Drop for Explosive {
    fn drop(&mut self) {
        assert!(thread::panicking(), "{}", self.0);
    }
}

struct LeavesExplosives(&'static str);

impl AsyncContextManager for LeavesExplosives {
    type Value = ();
    type Error = Explosive;

    async fn enter(&mut self) -> Result<(), Explosive> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Explosive> {
        Err(Explosive(self.0))
    }
}

pub async fn a_destructor_that_panics_in_a_detached_exit_stops_no_other_exit<E: Executor>() {
    let losses = losses();
    let (trace, mark) = (Trace::new(), unique("explosive"));
    let mut block = Box::pin(async { async_with!(LeavesExplosives(mark) => { pending::<()>().await }) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    cut_at(endless(On::<E>::new("A", &trace), trace.clone()), &trace, "body").await;
    settle().await;
    assert_eq!(trace.events().last().unwrap(), "exited A");
    // The error itself, and then the panic of its destructor.
    assert_eq!(losses.of(mark).len(), 2);
}

pub async fn settle_ends_when_nothing_is_detached<E: Executor>() {
    let trace = Trace::new();
    async_with!(On::<E>::new("A", &trace) => {}).unwrap();
    settle().await;
    assert_eq!(trace.events().last().unwrap(), "exited A");
}
