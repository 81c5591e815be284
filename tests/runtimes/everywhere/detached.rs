//! Blocks that are cut, and where their exits run, in what order, and how long.

use std::convert::Infallible;
use std::future::pending;
use std::thread;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::future::{Either, join, join_all, select};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses, poll_once, yield_once};
use crate::common::ways::unique;
use crate::{Executor, NEST_EXITED, On, nest};

async fn endless<M: AsyncContextManager>(manager: M, trace: Trace) -> Result<(), M::Error> {
    let block: Result<Infallible, _> = async_with!(manager => {
        trace.step("body").await;
        pending().await
    });
    block.map(|never| match never {})
}

/// Says on which thread its exit runs, before and after it has awaited its executor.
struct WhichThread(Executor, UnboundedSender<thread::Thread>);

impl AsyncContextManager for WhichThread {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        self.1.send(thread::current()).unwrap();
        self.0.wait().await;
        self.1.send(thread::current()).unwrap();
        Ok(())
    }
}

pub async fn a_detached_exit_runs_where_it_should(executor: Executor) {
    let (sender, mut threads) = unbounded_channel();
    let manager = WhichThread(executor, sender);
    let mut block = Box::pin(async { async_with!(manager => { pending::<()>().await }) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    for _ in 0..2 {
        let thread = threads.recv().await.unwrap();
        let of_the_crate = thread.name().is_some_and(|name| name.contains("async-with"));
        assert_eq!(of_the_crate, executor.exits_on_the_thread, "{thread:?}");
    }
    assert!(threads.recv().await.is_none(), "exactly one exit");
}

pub async fn a_cut_block_is_exited_and_settle_waits_for_it(executor: Executor) {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = On::over(executor, Traced::new("A", &trace).exit_waits(&gate));
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    trace.reached("exit A: cancelled").await;
    let mut settled = Box::pin(settle());
    assert!(poll_once(settled.as_mut()).is_pending());
    gate.open();
    settled.await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

pub async fn settle_can_be_bounded(executor: Executor) {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = On::over(executor, Traced::new("A", &trace).exit_waits(&gate));
    cut_at(endless(manager, trace.clone()), &trace, "body").await;
    trace.reached("exit A: cancelled").await;
    match select(Box::pin(settle()), executor.wait()).await {
        Either::Left(_) => panic!("an exit is still running"),
        Either::Right(((), settling)) => drop(settling),
    }
    gate.open();
    settle().await;
    assert_eq!(trace.events()[3..], ["exit A: cancelled", "exited A"]);
}

pub async fn an_exit_that_had_begun_runs_on(executor: Executor) {
    let (trace, gate) = (Trace::new(), Gate::new());
    let manager = On::over(executor, Traced::new("A", &trace).exit_waits(&gate));
    cut_at(async { async_with!(manager => {}) }, &trace, "exit A: completed").await;
    gate.open();
    settle().await;
    assert_eq!(trace.events()[2..], ["exit A: completed", "exited A"]);
}

/// Its exit is suspended after what it awaits has been told whom to wake.
struct Waiting(Executor, Trace);

impl AsyncContextManager for Waiting {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), &'static str> {
        let mut waiting = self.0.wait();
        let over = futures::poll!(&mut waiting).is_ready();
        self.1.step(&format!("waits: {outcome}")).await;
        if !over {
            waiting.await;
        }
        self.1.log("waited");
        Ok(())
    }
}

pub async fn an_exit_that_is_cut_while_it_awaits_its_executor_is_woken_where_it_runs_on(executor: Executor) {
    let trace = Trace::new();
    let manager = Waiting(executor, trace.clone());
    cut_at(async { async_with!(manager => {}) }, &trace, "waits: completed").await;
    settle().await;
    assert_eq!(trace.events(), ["waits: completed", "waited"]);
}

pub async fn an_enter_that_is_cut_has_no_exit_but_the_managers_before_it_have(executor: Executor) {
    let (trace, never) = (Trace::new(), Gate::new());
    let second = On::over(executor, Traced::new("B", &trace).enter_waits(&never));
    let block = async { async_with!(On::new(executor, "A", &trace), second => {}) };
    cut_at(block, &trace, "enter B").await;
    settle().await;
    assert_eq!(trace.events()[2..], ["enter B", "enter B dropped", "exit A: cancelled", "exited A"]);
}

pub async fn nested_blocks_that_are_cut_are_exited_from_the_inside_out(executor: Executor) {
    let trace = Trace::new();
    cut_at(nest(executor, trace.clone()), &trace, "body").await;
    settle().await;
    assert_eq!(trace.events()[7..], NEST_EXITED);
}

pub async fn an_outer_exit_waits_in_place_for_a_detached_inner_one(executor: Executor) {
    let (trace, gate) = (Trace::new(), Gate::new());
    let outer = async {
        async_with!(On::new(executor, "A", &trace) => {
            let inner = On::over(executor, Traced::new("B", &trace).exit_waits(&gate));
            cut_at(endless(inner, trace.clone()), &trace, "body").await;
        })
    };
    let opener = async {
        trace.reached("exit B: cancelled").await;
        // An exit that did not wait would come to its end.
        executor.wait().await;
        executor.wait().await;
        gate.open();
    };
    join(outer, opener).await.0.unwrap();
    assert_eq!(trace.events()[5..], ["exit B: cancelled", "exited B", "exit A: completed", "exited A"]);
}

pub async fn many_exits_wait_at_once(_: Executor) {
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

pub async fn an_exit_that_does_not_end_stops_no_other(executor: Executor) {
    let (trace, stuck, gate) = (Trace::new(), Trace::new(), Gate::new());
    let manager = On::over(executor, Traced::new("stuck", &stuck).exit_waits(&gate));
    cut_at(endless(manager, stuck.clone()), &stuck, "body").await;
    stuck.reached("exit stuck: cancelled").await;
    for _ in 0..3 {
        let trace = Trace::new();
        cut_at(endless(On::new(executor, "A", &trace), trace.clone()), &trace, "body").await;
        trace.reached("exited A").await;
    }
    async_with!(On::new(executor, "B", &trace) => {}).unwrap();
    assert_eq!(stuck.events().last().unwrap(), "exit stuck: cancelled");
    // For ever would hold up the other tests' `settle`.
    gate.open();
    stuck.reached("exited stuck").await;
}

pub async fn failures_and_panics_of_detached_exits_go_to_the_hook_and_stop_no_other_exit(executor: Executor) {
    let losses = losses();
    let (failure, panic) = (unique("failed"), unique("panicked"));
    let trace = Trace::new();
    let block = async {
        async_with!(
            On::new(executor, "A", &trace),
            On::over(executor, Traced::new("B", &trace).exit_fails(failure)),
            On::over(executor, Traced::new("C", &trace).exit_panics(panic)) => { trace.step("body").await; }
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

pub async fn a_destructor_that_panics_in_a_detached_exit_stops_no_other_exit(executor: Executor) {
    let losses = losses();
    let (trace, mark) = (Trace::new(), unique("explosive"));
    let mut block = Box::pin(async { async_with!(LeavesExplosives(mark) => { pending::<()>().await }) });
    assert!(poll_once(block.as_mut()).is_pending());
    drop(block);
    cut_at(endless(On::new(executor, "A", &trace), trace.clone()), &trace, "body").await;
    settle().await;
    assert_eq!(trace.events().last().unwrap(), "exited A");
    // The error itself, and then the panic of its destructor.
    assert_eq!(losses.of(mark).len(), 2);
}

pub async fn settle_ends_when_nothing_is_detached(executor: Executor) {
    let trace = Trace::new();
    async_with!(On::new(executor, "A", &trace) => {}).unwrap();
    settle().await;
    assert_eq!(trace.events().last().unwrap(), "exited A");
}
