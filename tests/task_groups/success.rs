//! Groups whose children and body all succeed.

use std::convert::Infallible;
use std::pin::pin;

use async_with::async_with;
use async_with::managers::{ChildError, TaskGroup};
use futures::future::join_all;
use futures::poll;
use tokio::task::yield_now;

use crate::common::trace::{Gate, Trace, yield_once};
use crate::{Failure, Group, child, opened, some_turns};

// CPython's `test_taskgroup_01`, `_02`.
#[tokio::test]
async fn the_body_gets_the_values_of_its_children() {
    let block = async_with!(TaskGroup::<Infallible>::new() as group => {
        let one = group.spawn(async { Ok(1) });
        let text = group.spawn(async {
            yield_once().await;
            Ok("two")
        });
        (one.await, text.await)
    });
    assert_eq!(block.unwrap(), (Ok(1), Ok("two")));
}

#[tokio::test]
async fn the_exit_waits_for_all_children_on_each_successful_way_out() {
    async fn leave(
        way: &'static str,
        trace: &Trace,
        gate: &Gate,
    ) -> Result<&'static str, ChildError<Failure>> {
        let mut way = way;
        loop {
            async_with!(TaskGroup::new() as group => {
                group.spawn(child("A", trace.clone(), gate.clone()));
                group.spawn(child("B", trace.clone(), opened()));
                match std::mem::replace(&mut way, "end") {
                    "return" => return Ok("returned"),
                    "break" => break Ok("broke"),
                    "continue" => continue,
                    _ => {}
                }
            })?;
            return Ok("ended");
        }
    }

    for (way, ended) in [("end", "ended"), ("return", "returned"), ("break", "broke"), ("continue", "ended")]
    {
        let (trace, gate) = (Trace::new(), Gate::new());
        let mut block = pin!(leave(way, &trace, &gate));
        while !trace.has("B ended") {
            assert!(poll!(&mut block).is_pending(), "{way}");
            yield_now().await;
        }
        some_turns().await;
        assert!(poll!(&mut block).is_pending(), "{way}: it waits for A");
        gate.open();
        assert_eq!(block.await.unwrap(), ended);
        let ended = trace.events().iter().filter(|event| event.ends_with(" ended")).count();
        assert_eq!(ended, if way == "continue" { 4 } else { 2 }, "{way}: {:?}", trace.events());
    }
}

#[tokio::test]
async fn an_empty_group_is_no_trouble() {
    let block = async_with!(TaskGroup::<Infallible>::new() => { 5 });
    assert_eq!(block.unwrap(), 5);
}

#[tokio::test]
async fn handles_may_be_dropped_and_may_leave_the_block() {
    let gate = Gate::new();
    let trace = Trace::new();
    let kept = async_with!(TaskGroup::new() as group => {
        drop(group.spawn(child("A", trace.clone(), gate.clone())));
        let kept = group.spawn(child("B", trace.clone(), gate.clone()));
        gate.open();
        kept
    });
    assert!(trace.has("A ended") && trace.has("B ended"));
    assert_eq!(kept.unwrap().await, Ok("B"));
}

// CPython's `test_taskgroup_13`, `_20`: tasks spawned while the group is waiting.
#[tokio::test]
async fn children_spawn_siblings_also_during_the_exit() {
    #[expect(clippy::manual_async_fn, reason = "a recursive `async fn` is not known to be `Send`")]
    fn countdown(from: u32, group: Group, trace: Trace) -> impl Future<Output = Result<(), Failure>> + Send {
        async move {
            trace.log(from.to_string());
            yield_once().await;
            if from > 0 {
                group.spawn(countdown(from - 1, group.clone(), trace));
            }
            Ok(())
        }
    }

    let trace = Trace::new();
    let block = async_with!(TaskGroup::new() as group => {
        group.spawn(countdown(5, group.clone(), trace.clone()));
    });
    block.unwrap();
    assert_eq!(trace.events(), ["5", "4", "3", "2", "1", "0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_children() {
    let block = async_with!(TaskGroup::<Infallible>::new() as group => {
        let children: Vec<_> = (0..10_000_u64).map(|number| group.spawn(async move {
            yield_now().await;
            Ok(number)
        })).collect();
        join_all(children).await.into_iter().map(Result::unwrap).sum::<u64>()
    });
    assert_eq!(block.unwrap(), 49_995_000);
}

#[tokio::test]
async fn what_has_ended_is_forgotten_while_the_group_goes_on() {
    let block = async_with!(TaskGroup::<Infallible>::new() as group => {
        for _ in 0..1_000 {
            group.spawn(async { Ok(()) }).await.unwrap();
        }
        some_turns().await;
        assert_eq!(format!("{group:?}"), "Spawner { children: 0, closed: false }");
    });
    block.unwrap();
}
