//! `AsyncExitStack`: standalone and in a block, on every way out, and what its handles and its size may not do.
//!
//! Interrupts are told to all parts of a stack, and to the interrupted one alone in nested blocks: see the documentation of
//! `AsyncExitStack`. What nested blocks and stacks have in common is compared in `exit_stack_properties`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_with::{
    AsyncContextManagerExt, AsyncExitStack, ContextManagerExt, Entered, Interrupt, Outcome, async_with,
    ready, settle, together,
};
use futures::FutureExt;

use crate::common::log::{Failure, Log, Lost};
use crate::common::part::{
    End, Fault, Leave, Part, Plan, Run, Step, body, came, check_exactly_once, check_lifo, check_nothing_lost,
    dropped_at_every_poll, install_hook, lost_outside_runs,
};
use crate::common::trace::{poll_once, yield_once};

type Stack = AsyncExitStack<Fault>;

/// A stack in a block into which all parts are entered.
async fn stack_block(
    parts: Vec<Part>,
    inner: impl Future<Output = Result<Leave, Fault>>,
) -> Result<Leave, Fault> {
    let (mut left, mut parts, mut inner) = (Leave::AtTheEnd, parts.into_iter(), Some(inner));
    for stack in [Stack::new()] {
        async_with!(stack as stack => {
            let mut handles = Vec::new();
            for part in parts.by_ref() {
                handles.push(stack.enter(part).await?);
            }
            left = inner.take().unwrap().await?;
            assert!(handles.iter().zip('A'..).all(|(handle, name)| **handle == name.to_string()));
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

/// The same without a block.
async fn closed_stack(
    parts: Vec<Part>,
    inner: impl Future<Output = Result<Leave, Fault>>,
) -> Result<Leave, Fault> {
    let stack = Stack::new();
    let mut handles = Vec::new();
    for part in parts {
        handles.push(stack.enter(part).await?);
    }
    let left = inner.await?;
    drop(handles);
    stack.close().await?;
    Ok(left)
}

fn three(run: &Run) -> Vec<Part> {
    run.parts(&[Plan::ok(); 3])
}

mod in_a_block {
    use super::*;

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
        assert!(
            run.trace.has("exit A: cancelled") && run.trace.has("exit B: completed"),
            "{:?}",
            run.events()
        );
    }
}

mod standalone {
    use super::*;

    // CPython: test_close; test262: disposes-resources-in-reverse-order, use/adopt/defer put on top of the stack.
    #[tokio::test]
    async fn closed_it_awaits_all_last_in_first_out() {
        let what = "closed";
        let make = |run: &Run| {
            let inner = run.clone();
            closed_stack(three(run), async move { body(&inner, Leave::AtTheEnd).await })
        };
        let whole = dropped_at_every_poll(make, true, what).await;
        assert_eq!(whole.ended, Some(Ok(Ok(Leave::AtTheEnd))));
        let told: Vec<_> = whole.events.into_iter().filter(|event| event.starts_with("exit ")).collect();
        assert_eq!(told, ["exit C: completed", "exit B: completed", "exit A: completed"]);
    }

    // CPython: test_enter_async_context, test_async_callback, test_async_push: all kinds in one stack, with their arguments.
    #[tokio::test]
    async fn all_kinds_of_entries_share_one_order() {
        let (run, log) = (Run::new(), Log::default());
        let stack = Stack::new();
        let (first, last) = (run.clone(), run.clone());
        stack.defer(move |outcome| async move { first.trace.log(format!("exit deferred: {outcome}")) });
        let pushed = run.clone();
        let value = stack.push(vec![1], move |value, outcome| async move {
            pushed.trace.log(format!("exit {value:?}: {outcome}"));
            Ok(())
        });
        let mut entered = stack.enter(run.part("A", Plan::ok())).await.unwrap();
        // CPython: test_enter_context, a synchronous one in the asynchronous stack.
        let sync = log.unsure("sync").value(7).into_async().map_err(|Failure(text)| Fault(text.to_owned()));
        let number = stack.enter(sync).await.unwrap();
        stack.defer(move |outcome| async move {
            last.trace.log(format!("exit last: {outcome}"));
            Ok(())
        });
        assert_eq!((stack.len(), stack.is_empty()), (5, false));
        assert_eq!((value.as_slice(), &**entered, *number), (&[1][..], "A", 7));
        assert_eq!((format!("{value:?}"), format!("{entered}")), ("[1]".to_owned(), "A".to_owned()));
        entered.make_ascii_uppercase();
        drop((value, entered, number));
        stack.close().await.unwrap();
        run.expect(&[
            "enter A",
            "entered A",
            "exit last: completed",
            "exit A: completed",
            "exit [1]: completed",
            "exit deferred: completed",
        ]);
        log.expect(&["enter sync", "exit sync: completed"]);
    }

    // CPython: test_no_resources; test262: explicit-await-skipped-when-empty.
    #[tokio::test]
    async fn empty_it_suspends_nothing_and_leaves_nothing() {
        assert_eq!(poll_once(pin!(Stack::new().close())), Poll::Ready(Ok(())));
        drop(Stack::default());
        let mut block = pin!(async { async_with!(Stack::new() as stack => stack.is_empty()) });
        assert_eq!(poll_once(block.as_mut()), Poll::Ready(Ok(true)));
        assert_eq!(format!("{:?}", Stack::new()), "AsyncExitStack { len: 0, .. }");
    }

    #[tokio::test]
    async fn dropped_it_hands_all_over_in_order() {
        let run = Run::new();
        let stack = Stack::new();
        for part in run.parts(&[
            Plan::ends(End::Succeeds, End::Fails),
            Plan::ok(),
            Plan::ends(End::Succeeds, End::Panics),
        ]) {
            drop(stack.enter(part).await.unwrap());
        }
        drop(stack);
        assert!(!run.trace.has("exit C: cancelled"), "nothing runs in the drop");
        settle().await;
        let events = run.events();
        check_exactly_once(&events, "dropped");
        check_lifo(&events, "dropped");
        check_nothing_lost(&run, None, "dropped");
        assert!(
            events
                .iter()
                .filter(|event| event.starts_with("exit "))
                .all(|told| told.ends_with(": cancelled"))
        );
    }

    #[tokio::test]
    async fn a_close_that_is_never_polled_is_a_drop() {
        let run = Run::new();
        let stack = Stack::new();
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        drop(stack.close());
        settle().await;
        run.expect(&["enter A", "entered A", "exit A: cancelled"]);
    }

    // CPython: test_exit_raise; test262: rejects-with-error-as-is-if-only-one-error, …-suppressederror-if-multiple.
    #[tokio::test]
    async fn the_first_error_is_the_result_and_the_others_are_reported_by_part_and_place() {
        let run = Run::new();
        let plan = Plan::ends(End::Succeeds, End::Fails);
        let stack = Stack::new();
        let line = line!() + 1;
        drop(stack.enter(run.part("A", plan)).await.unwrap());
        drop(stack.enter(run.part("B", plan)).await.unwrap());
        drop(stack.enter(run.part("C", Plan::ok())).await);
        assert_eq!(stack.close().await, Err(run.fault("B exit")));
        run.expect(&[
            "enter A",
            "entered A",
            "enter B",
            "entered B",
            "enter C",
            "entered C",
            "exit C: completed",
            "exit B: completed",
            "failed B exit",
            "exit A: failed",
            "failed A exit",
        ]);
        let lost = run.lost();
        assert_eq!(lost.len(), 1);
        assert_eq!(lost[0].manager, std::any::type_name::<Part>());
        assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, Outcome::Failed));
    }

    #[tokio::test]
    async fn errors_of_managers_convert() {
        #[derive(Debug)]
        struct Whole(String);
        impl From<Fault> for Whole {
            fn from(fault: Fault) -> Self {
                Self(fault.0)
            }
        }

        let run = Run::new();
        let stack = AsyncExitStack::<Whole>::new();
        let entered = stack.enter(run.part("A", Plan::ends(End::Fails, End::Succeeds))).await;
        assert!(entered.unwrap_err().0.contains("A enter"));
        drop(stack.enter(run.part("B", Plan::ends(End::Succeeds, End::Fails))).await);
        assert_eq!(stack.len(), 1, "what could not be entered is not in the stack");
        assert!(stack.close().await.unwrap_err().0.contains("B exit"));
        let anyhow = AsyncExitStack::<anyhow::Error>::new();
        let number = anyhow.enter(ready(1)).await.unwrap();
        assert_eq!(*number, 1);
        drop(number);
        drop(anyhow.enter(run.part("C", Plan::ok())).await.unwrap());
        anyhow.close().await.unwrap();
    }

    #[tokio::test]
    async fn an_enter_that_is_dropped_half_way_leaves_nothing() {
        let run = Run::new();
        let stack = Stack::new();
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        {
            let mut entering = Box::pin(stack.enter(run.part("B", Plan::ok())));
            assert!(poll_once(entering.as_mut()).is_pending());
        }
        assert_eq!(stack.len(), 1);
        drop(stack.enter(run.part("C", Plan::ok())).await.unwrap());
        stack.close().await.unwrap();
        run.expect(&[
            "enter A",
            "entered A",
            "enter B",
            "enter C",
            "entered C",
            "exit C: completed",
            "exit A: completed",
        ]);
    }

    #[tokio::test]
    async fn an_enter_that_panics_leaves_nothing() {
        let run = Run::new();
        let stack = Stack::new();
        let panics = stack.enter(run.part("A", Plan::ends(End::Panics, End::Succeeds)));
        assert!(AssertUnwindSafe(panics).catch_unwind().await.is_err());
        assert!(stack.is_empty());
        stack.close().await.unwrap();
    }

    #[tokio::test]
    async fn entered_concurrently_it_exits_in_the_reverse_of_the_order_of_the_ends() {
        let run = Run::new();
        let slow = Plan { enter: Step::new(5, End::Succeeds), ..Plan::ok() };
        let stack = Stack::new();
        let (a, b) = tokio::join!(stack.enter(run.part("A", slow)), stack.enter(run.part("B", Plan::ok())));
        assert_eq!((a.unwrap().as_str(), b.unwrap().as_str()), ("A", "B"));
        stack.close().await.unwrap();
        run.expect(&[
            "enter A",
            "enter B",
            "entered B",
            "entered A",
            "exit A: completed",
            "exit B: completed",
        ]);
    }

    #[tokio::test]
    async fn sent_to_another_task_it_is_closed_there() {
        let run = Run::new();
        let stack = Stack::new();
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        let there = run.clone();
        let task = tokio::spawn(async move {
            drop(stack.enter(there.part("B", Plan::ok())).await?);
            yield_once().await;
            stack.close().await
        });
        task.await.unwrap().unwrap();
        run.expect(&[
            "enter A",
            "entered A",
            "enter B",
            "entered B",
            "exit B: completed",
            "exit A: completed",
        ]);
    }

    /// One loss, one report, and it says where the block is.
    #[test]
    fn destroyed_with_its_runtime_it_is_reported_once() {
        async fn in_a_block() {
            async_with!(AsyncExitStack::<Infallible>::new() as stack => {
                stack.defer(|_outcome| pending::<()>());
                stack.defer(|_outcome| async {});
            });
        }

        async fn closed() {
            let stack = AsyncExitStack::<Infallible>::new();
            stack.defer(|_outcome| pending::<()>());
            let Ok(()) = stack.close().await;
        }

        install_hook();
        for (name, lines) in [("in a block", line!() - 15..line!() - 8), ("closed", line!() - 8..line!() - 2)]
        {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            if name == "closed" {
                runtime.spawn(closed());
            } else {
                runtime.spawn(in_a_block());
            }
            runtime.block_on(async {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            });
            drop(runtime);
            let lost: Vec<_> =
                lost_outside_runs().into_iter().filter(|lost| lost.error.contains("shut down")).collect();
            assert!(lost.iter().all(|lost| lost.file == file!()), "{name}: {lost:?}");
            let here = lost.iter().filter(|lost| lines.contains(&lost.line)).count();
            assert_eq!(here, 1, "{name}, {lines:?}: {lost:?}");
        }
    }

    #[test]
    fn made_outside_a_runtime_it_is_used_in_one_or_in_none() {
        let run = Run::new();
        let stack = Stack::new();
        smol::block_on(async { drop(stack.enter(run.part("A", Plan::ok())).await) });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let on = Arc::new(Mutex::new(None));
        let seen = Arc::clone(&on);
        stack.defer(move |_outcome| async move {
            *seen.lock().unwrap() = Some(std::thread::current().id());
        });
        // Dropped in the runtime, it is the runtime's.
        runtime.block_on(async move {
            drop(stack);
            settle().await;
        });
        assert_eq!(*on.lock().unwrap(), Some(std::thread::current().id()));
        run.expect(&["enter A", "entered A", "exit A: cancelled"]);
        // Dropped outside, it is the background thread's.
        let run = Run::new();
        let stack = Stack::new();
        smol::block_on(async { drop(stack.enter(run.part("A", Plan::ok())).await) });
        drop(stack);
        smol::block_on(settle());
        run.expect(&["enter A", "entered A", "exit A: cancelled"]);
    }
}

mod handles {
    use super::*;

    /// A value that the exit gets is one that no handle holds.
    #[tokio::test]
    async fn give_their_values_back_before_the_exits() {
        for leave in Leave::ALL {
            let run = Run::new();
            let inner = run.clone();
            let block = async move {
                async_with!(Stack::new() as stack => {
                    let exiting = inner.clone();
                    let mut value = stack.push(1, move |value, outcome| async move {
                        exiting.trace.log(format!("exit {value}: {outcome}"));
                    });
                    *value += 1;
                    body(&inner, leave).await?;
                    *value += 1;
                })?;
                Ok::<(), Fault>(())
            };
            drop(AssertUnwindSafe(block).catch_unwind().await);
            let value = if matches!(leave, Leave::Fail | Leave::Panic) { 2 } else { 3 };
            let told = if value == 2 { leave.outcome() } else { Outcome::Completed };
            run.expect(&["body", &format!("exit {value}: {told}")]);
        }
    }

    #[tokio::test]
    async fn that_are_alive_when_the_block_is_cut_give_their_values_back() {
        let run = Run::new();
        let (inner, exiting) = (run.clone(), run.clone());
        let mut block = Box::pin(async move {
            async_with!(Stack::new() as stack => {
                let _value = stack.push(inner.trace.clone(), move |value, outcome| async move {
                    value.log(format!("exit: {outcome}"));
                    drop(exiting);
                });
                pending::<()>().await;
            })
        });
        assert!(poll_once(block.as_mut()).is_pending());
        drop(block);
        settle().await;
        run.expect(&["exit: cancelled"]);
    }

    #[tokio::test]
    async fn that_are_leaked_are_reported() {
        install_hook();
        let run = Run::new();
        let stack = Stack::new();
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        let line = line!() + 1;
        std::mem::forget(stack.enter(run.part("B", Plan::ok())).await.unwrap());
        stack.close().await.unwrap();
        run.expect(&["enter A", "entered A", "enter B", "entered B", "exit A: completed"]);
        let leaked = |lost: &Lost| lost.error.contains("leaked") && (lost.file, lost.line) == (file!(), line);
        let lost: Vec<_> = lost_outside_runs().into_iter().filter(leaked).collect();
        assert_eq!(lost.len(), 1, "{:?}", lost_outside_runs());
        assert_eq!((lost[0].manager, lost[0].outcome), (std::any::type_name::<Part>(), Outcome::Completed));
    }

    #[test]
    fn are_send_and_sync() {
        fn check<T: Send + Sync>() {}
        fn check_handle<T: Send + Sync>(_: &T) {}
        check::<Stack>();
        check::<AsyncExitStack<Infallible>>();
        let stack = AsyncExitStack::<Infallible>::new();
        let handle: Entered<'_, u8> = stack.push(1, |_, _| async {});
        check_handle(&handle);
    }
}

mod take {
    use super::*;

    // CPython: test_pop_all; test262: move/returns-new-asyncdisposablestack-that-contains-moved-resources,
    // move/does-not-dispose-resources, move/sets-state-to-disposed (here it is empty and goes on).
    #[tokio::test]
    async fn moves_all_out_and_leaves_an_empty_stack() {
        let run = Run::new();
        let mut stack = Stack::new();
        drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
        drop(stack.enter(run.part("B", Plan::ok())).await.unwrap());
        let taken = stack.take();
        assert_eq!((stack.len(), taken.len()), (0, 2));
        drop(stack.enter(run.part("C", Plan::ok())).await.unwrap());
        stack.close().await.unwrap();
        run.expect(&[
            "enter A",
            "entered A",
            "enter B",
            "entered B",
            "enter C",
            "entered C",
            "exit C: completed",
        ]);
        taken.close().await.unwrap();
        check_exactly_once(&run.events(), "taken");
        assert!(run.trace.has("exit A: completed"));
    }

    // Observed on CPython 3.13: pop_all, then an error: nothing is exited.
    #[tokio::test]
    async fn in_a_block_that_fails_later_saves_what_was_taken() {
        let run = Run::new();
        let mut saved = None;
        let failing = async {
            async_with!(Stack::new() as stack => {
                drop(stack.enter(run.part("A", Plan::ok())).await?);
                saved = Some(stack.take());
                drop(stack.enter(run.part("B", Plan::ends(End::Fails, End::Succeeds))).await?);
            })
        };
        let result: Result<(), Fault> = failing.await;
        assert_eq!(result, Err(run.fault("B enter")));
        run.expect(&["enter A", "entered A", "enter B", "failed B enter"]);
        saved.unwrap().close().await.unwrap();
        assert!(run.trace.has("exit A: completed"));
    }

    /// What was cut while it was entered into the old stack is nested in what was entered before it.
    #[tokio::test]
    async fn keeps_the_order_of_what_was_cut() {
        for block in [false, true] {
            let run = Run::new();
            let slow = Plan {
                enter: Step::new(5, End::Succeeds),
                exit: Step::new(5, End::Succeeds),
                interrupts: None,
            };
            let mut stack = Stack::new();
            drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
            {
                let mut entering = Box::pin(stack.enter(run.part("B", slow).finish_enter()));
                assert!(poll_once(entering.as_mut()).is_pending());
            }
            if block {
                async_with!(stack => {}).unwrap();
            } else {
                stack.take().close().await.unwrap();
            }
            let what = format!("in a block: {block}");
            settle().await;
            check_exactly_once(&run.events(), &what);
            check_lifo(&run.events(), &what);
        }
    }

    #[tokio::test]
    async fn takes_the_interrupts_along() {
        let run = Run::new();
        let soon = Plan { interrupts: Some(2), ..Plan::ok() };
        let taken = async_with!(Stack::new() as stack => {
            drop(stack.enter(run.part("A", soon)).await.unwrap());
            let taken = stack.take();
            body(&run, Leave::AtTheEnd).await.unwrap();
            taken
        })
        .unwrap();
        let result: Result<(), Fault> = async_with!(taken => pending::<()>().await);
        assert!(result.unwrap_err().0.contains("A interrupt"));
        run.expect(&["enter A", "entered A", "body", "exit A: interrupted"]);
    }
}

mod nested {
    use super::*;

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
}

// CPython: test_excessive_nesting, on a thread with a small stack, with exits that suspend and exits that do not.
mod many {
    use super::*;

    const MANY: usize = 10_000;

    fn filled(
        order: &Arc<Mutex<Vec<usize>>>,
        pends: bool,
        work: &Arc<AtomicUsize>,
    ) -> AsyncExitStack<Infallible> {
        let stack = AsyncExitStack::new();
        fill(&stack, order, pends, work);
        stack
    }

    fn fill(
        stack: &AsyncExitStack<Infallible>,
        order: &Arc<Mutex<Vec<usize>>>,
        pends: bool,
        work: &Arc<AtomicUsize>,
    ) {
        for n in 0..MANY {
            let (order, work) = (Arc::clone(order), Arc::clone(work));
            stack.defer(move |_outcome| async move {
                if pends {
                    yield_once().await;
                }
                work.fetch_add(1, Ordering::Relaxed);
                order.lock().unwrap().push(n);
            });
        }
    }

    fn on_a_small_stack(run: impl FnOnce() + Send + 'static) {
        std::thread::Builder::new().stack_size(128 << 10).spawn(run).unwrap().join().unwrap();
    }

    fn polls(future: impl Future<Output = Result<(), Infallible>>) -> usize {
        let mut future = Box::pin(future);
        let cx = &mut Context::from_waker(Waker::noop());
        (1..=3 * MANY).find(|_| future.as_mut().poll(cx).is_ready()).expect("it hangs")
    }

    #[test]
    fn are_closed_without_recursion_in_one_poll_for_each_suspension() {
        for pends in [false, true] {
            on_a_small_stack(move || {
                let (order, work) = <(Arc<Mutex<Vec<usize>>>, Arc<AtomicUsize>)>::default();
                let taken = polls(filled(&order, pends, &work).close());
                assert_eq!(taken, 1 + if pends { MANY } else { 0 });
                assert_eq!(work.load(Ordering::Relaxed), MANY);
                assert_eq!(*order.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
            });
        }
    }

    #[test]
    fn are_exited_with_a_block_without_recursion() {
        for pends in [false, true] {
            on_a_small_stack(move || {
                let (order, work) = <(Arc<Mutex<Vec<usize>>>, Arc<AtomicUsize>)>::default();
                let taken = polls(async {
                    async_with!(AsyncExitStack::new() as stack => fill(stack, &order, pends, &work));
                    Ok(())
                });
                assert_eq!(taken, 1 + if pends { MANY } else { 0 });
                assert_eq!(*order.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
            });
        }
    }

    #[test]
    fn are_handed_over_without_recursion() {
        on_a_small_stack(|| {
            let (order, work) = <(Arc<Mutex<Vec<usize>>>, Arc<AtomicUsize>)>::default();
            drop(filled(&order, true, &work));
            smol::block_on(settle());
            assert_eq!(*order.lock().unwrap(), (0..MANY).rev().collect::<Vec<_>>());
        });
    }

    /// Entered, not deferred, and all failing: each error but the first is reported.
    #[test]
    fn that_all_fail_are_all_exited() {
        on_a_small_stack(|| {
            let run = Run::new();
            let plan =
                Plan { enter: Step::new(0, End::Succeeds), exit: Step::new(0, End::Fails), interrupts: None };
            let result = smol::block_on(async {
                let stack = Stack::new();
                for n in 0..MANY {
                    drop(stack.enter(run.part(n.to_string(), plan)).await?);
                }
                stack.close().await
            });
            assert_eq!(result, Err(run.fault(&format!("{} exit", MANY - 1))));
            assert_eq!(run.lost().len(), MANY - 1);
        });
    }
}
