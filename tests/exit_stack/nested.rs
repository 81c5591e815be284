//! Stacks in stacks, in other managers of several, and those in a stack.

use std::pin::pin;

use async_with::{AsyncContextManagerExt, async_with, together};

use crate::Stack;
use crate::common::part::checks::{check_exactly_once, check_lifo, dropped_at_every_poll};
use crate::common::part::{End, Leave, Plan, Run, Step, body, came};
use crate::common::trace::poll_once;

#[tokio::test]
async fn stack_in_stack_and_composites_in_a_stack() {
    for leave in Leave::ALL {
        let make = |run: &Run| {
            let run = run.clone();
            async move {
                let mut left = Leave::AtTheEnd;
                for outer in [Stack::new()] {
                    async_with!(outer as outer => {
                        let _a = outer.enter(run.part("A", Plan::ok())).await?;
                        let inner = outer.enter(Stack::new()).await?;
                        let _b = inner.enter(run.part("B", Plan::ok())).await?;
                        let _c = inner.enter((run.part("C", Plan::ok()), vec![Some(run.part("D", Plan::ok()))])).await?;
                        left = body(&run, leave).await?;
                        match left {
                            Leave::Return => return Ok(left),
                            Leave::Break => break,
                            Leave::Continue => continue,
                            _ => {}
                        }
                    })?;
                }
                Ok(left)
            }
        };
        dropped_at_every_poll(make, true, &format!("{leave:?}")).await;
    }
}

/// What the enter of a part cut is over before any earlier part is exited, however the enter ended.
#[tokio::test]
async fn what_was_cut_in_an_enter_ends_before_earlier_parts_are_exited() {
    let slow =
        Plan { enter: Step::new(4, End::Succeeds), exit: Step::new(4, End::Succeeds), interrupts: None };
    for polls in 0..25 {
        let cut = came(
            |run| {
                let run = run.clone();
                async move {
                    async_with!(Stack::new() as stack => {
                        let _a = stack.enter(run.part("A", Plan::ok())).await?;
                        {
                            let mut entering = pin!(stack.enter(run.part("B", slow).finish_enter()));
                            assert!(poll_once(entering.as_mut()).is_pending());
                        }
                        body(&run, Leave::AtTheEnd).await?;
                    })?;
                    Ok(Leave::AtTheEnd)
                }
            },
            polls,
        )
        .await;
        let what = format!("after {polls} polls");
        check_exactly_once(&cut.events, &what);
        check_lifo(&cut.events, &what);
    }
}

#[tokio::test]
async fn in_a_vec_and_together() {
    let run = Run::new();
    async_with!((vec![Stack::new(), Stack::new()], together([Stack::new(), Stack::new()])) as (list, both) => {
        drop(list[0].enter(run.part("A", Plan::ok())).await.unwrap());
        drop(list[1].enter(run.part("B", Plan::ok())).await.unwrap());
        drop(both[0].enter(run.part("C", Plan::ok())).await.unwrap());
        drop(both[1].enter(run.part("D", Plan::ends(End::Succeeds, End::Fails))).await.unwrap());
    })
    .unwrap_err();
    check_exactly_once(&run.events(), "in a vec and together");
    for told in ["exit A: failed", "exit B: failed", "exit C: completed", "exit D: completed"] {
        assert!(run.trace.has(told), "{told}: {:?}", run.events());
    }
}
