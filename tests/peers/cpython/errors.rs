//! What becomes of several errors, in blocks and in stacks.

use std::error::Error;
use std::future::{Ready, pending, ready};

use async_with::managers::{ChildError, TaskGroup};
use async_with::{AsyncContextManager, AsyncExitStack, ObserveError, Outcome, async_with, context, defer};

use super::{Swallow, expect_lost};
use crate::common::log::{Failure, Log, LostErrors, Recorder, Suppressor};
use crate::common::ways::unique;

// CPython: test_coroutines.test_with_10. There the outer exit's exception leaves, with the inner one's and then the body's as
// contexts: the same three, in the same order.
#[tokio::test]
async fn of_three_errors_that_of_the_body_leaves_and_the_exits_are_lost_in_order() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(log.unsure("outer").exit_fails(Failure("three in blocks: outer")) => {
            async_with!(log.unsure("inner").exit_fails(Failure("three in blocks: inner")) => {
                Err(Failure("three in blocks: body"))?
            })
        })??;
        Ok(())
    }

    let (log, lost) = (Log::default(), LostErrors::with("three in blocks"));
    assert_eq!(run(&log).await, Err(Failure("three in blocks: body")));
    expect_lost(&lost, &["three in blocks: inner", "three in blocks: outer"]);
    log.expect(&["enter outer", "enter inner", "exit inner: failed", "exit outer: failed"]);
}

// CPython: test_coroutines.test_with_7, where the exit gives no awaitable: a type error of the manager here, see
// tests/ui/exit_of_wrong_type.rs. There the exit's exception leaves, with the body's as its context.
#[tokio::test]
async fn an_exit_that_fails_after_the_body_failed_does_not_hide_the_error_of_the_body() {
    async fn run(how: &str) -> Result<Result<(), Failure>, Failure> {
        async_with!(Log::default().unsure("a").exit_fails(Failure("in flight: exit")) => {
            match how {
                "?" => Err(Failure("division by zero"))?,
                "return" => return Err(Failure("division by zero")),
                _ => Err(Failure("division by zero")),
            }
        })
    }

    let lost = LostErrors::with("in flight");
    assert_eq!(run("?").await, Err(Failure("division by zero")));
    assert_eq!(run("return").await, Err(Failure("division by zero")));
    assert_eq!(run("value").await, Ok(Err(Failure("division by zero"))));
    expect_lost(&lost, &["in flight: exit"; 3]);
    assert!(lost.all().iter().all(|lost| lost.outcome == Outcome::Failed));
}

// A stack asks nobody whether to swallow, for that has to show in the type of a block. So where CPython pushes a suppressor,
// these tests have a block over one between two stacks.

type Stack = AsyncExitStack<Failure>;

fn fails(stack: &Stack, log: &Log, error: &'static str) {
    let log = log.clone();
    stack.defer(move |outcome| async move {
        log.add(format!("{error}: {outcome}"));
        Err(Failure(error))
    });
}

// CPython: test_contextlib_async.TestAsyncExitStack.test_async_exit_exception_chaining. There the outermost callback's
// IndexError leaves, with the others of the outer three as contexts, and the suppressor is given the ValueError.
#[tokio::test]
async fn of_the_callbacks_around_a_suppressor_the_first_error_leaves_and_the_others_are_lost() {
    async fn run(log: &Log) -> Result<(), Failure> {
        async_with!(Stack::new() as outer => {
            for error in ["chaining: index", "chaining: key", "chaining: attribute"] {
                fails(outer, log, error);
            }
            let value: Option<()> = async_with!(Swallow::all(log, "suppressor") => {
                async_with!(Stack::new() as inner => {
                    fails(inner, log, "chaining: value");
                    Err(Failure("division by zero"))?
                })?;
            });
            assert_eq!(value, None);
        })
    }

    let (log, lost) = (Log::default(), LostErrors::with("chaining: "));
    assert_eq!(run(&log).await, Err(Failure("chaining: attribute")));
    log.expect(&[
        "enter suppressor",
        "chaining: value: failed",
        r#"suppressor sees Failure("division by zero")"#,
        "exit suppressor: failed",
        "chaining: attribute: completed",
        "chaining: key: failed",
        "chaining: index: failed",
    ]);
    expect_lost(&lost, &["chaining: value", "chaining: key", "chaining: index"]);
}

fn part(log: &Log, name: &'static str, exit: Option<Failure>) -> Recorder<Failure> {
    let manager = log.unsure(name);
    match exit {
        Some(error) => manager.exit_fails(error),
        None => manager,
    }
}

// CPython: TestAsyncExitStack.test_exit_exception_chaining_reference: a stack does what nested blocks do. Each of four exits
// and the body may fail, which makes 32 programs; random ones are in tests/exit_stack_properties.rs.
#[tokio::test]
async fn a_stack_tells_gives_and_loses_what_nested_blocks_do() {
    type Exits = [(&'static str, Option<Failure>); 4];

    async fn nested(log: &Log, [a, b, c, d]: Exits, body: Option<Failure>) -> Result<(), Failure> {
        async_with!(part(log, a.0, a.1), part(log, b.0, b.1), part(log, c.0, c.1), part(log, d.0, d.1) => {
            body.map_or(Ok(()), Err)?;
        })
    }

    async fn stack(log: &Log, exits: Exits, body: Option<Failure>) -> Result<(), Failure> {
        async_with!(Stack::new() as stack => {
            for (name, exit) in exits {
                drop(stack.enter(part(log, name, exit)).await?);
            }
            body.map_or(Ok(()), Err)?;
        })
    }

    for failing in 0..32 {
        for in_stack in [false, true] {
            let mark = unique("chaining reference");
            let lost = LostErrors::with(mark);
            let error = |n: usize| (failing & 1 << n != 0).then(|| Failure(format!("{mark} {n}").leak()));
            let (mut n, body) = (0, error(4));
            let exits = ["a", "b", "c", "d"].map(|name| {
                n += 1;
                (name, error(n - 1))
            });
            let log = Log::default();
            let came =
                if in_stack { stack(&log, exits, body).await } else { nested(&log, exits, body).await };

            let mut events: Vec<_> = exits.iter().map(|(name, _)| format!("enter {name}")).collect();
            let mut errors: Vec<Failure> = body.into_iter().collect();
            for (name, exit) in exits.iter().rev() {
                let told = if errors.is_empty() { Outcome::Completed } else { Outcome::Failed };
                events.push(format!("exit {name}: {told}"));
                errors.extend(exit);
            }
            log.expect(&events.iter().map(String::as_str).collect::<Vec<_>>());
            let mut errors = errors.into_iter();
            assert_eq!(came, errors.next().map_or(Ok(()), Err));
            expect_lost(&lost, &errors.map(|Failure(error)| error).collect::<Vec<_>>());
        }
    }
}

/// A manager written as one function that fails after a body that failed, as `except: raise error`, or after any, as
/// `finally: raise error`.
fn raises(error: &'static str, always: bool) -> impl AsyncContextManager<Value = (), Error = Failure> {
    context(move |body| async move {
        let ((), done) = body.run(()).await;
        if always || !done.outcome().is_success() { Err(Failure(error)) } else { Ok(done) }
    })
}

// CPython: TestAsyncExitStack.test_async_exit_exception_explicit_none_context: a manager whose exception has no context in a
// block has none in a stack either. Here its error is reported by itself in both, and the body's leaves.
#[tokio::test]
async fn an_error_without_a_cause_gets_none_in_a_stack_either() {
    async fn block() -> Result<(), Failure> {
        async_with!(raises("without a cause", false) => { Err(Failure("index error"))? })
    }

    async fn stack() -> Result<(), Failure> {
        async_with!(Stack::new() as stack => {
            drop(stack.enter(raises("without a cause", false)).await?);
            Err(Failure("index error"))?
        })
    }

    let lost = LostErrors::with("without a cause");
    assert_eq!(block().await, Err(Failure("index error")));
    expect_lost(&lost, &["without a cause"]);
    assert_eq!(stack().await, Err(Failure("index error")));
    expect_lost(&lost, &["without a cause"; 2]);
}

// CPython: TestAsyncExitStack.test_exit_exception_non_suppressing.
#[tokio::test]
async fn an_error_that_nobody_further_out_swallows_leaves() {
    let (log, lost) = (Log::default(), LostErrors::with("non suppressing"));
    let quiet = log.clone();
    let value = async_with!(Stack::new() as stack => {
        stack.defer(|outcome| async move { quiet.add(format!("quiet: {outcome}")) });
        fails(stack, &log, "non suppressing: index");
    });
    assert_eq!(value, Err(Failure("non suppressing: index")));
    log.expect(&["non suppressing: index: completed", "quiet: failed"]);

    let value = async_with!(Stack::new() as outer => {
        fails(outer, &log, "non suppressing: key");
        let value = async_with!(Suppressor(log.unsure("a"), true), Stack::new() as inner => {
            fails(inner, &log, "non suppressing: index");
        });
        assert_eq!(value, Ok(None));
    });
    assert_eq!(value, Err(Failure("non suppressing: key")));
    log.expect(&[
        "enter a",
        "non suppressing: index: completed",
        "ask a: failed",
        "exit a: failed",
        "non suppressing: key: completed",
    ]);
    expect_lost(&lost, &[]);
}

// CPython: TestAsyncExitStack.test_exit_exception_with_correct_context, where the chain once had a loop.
#[tokio::test]
async fn errors_of_managers_that_each_fail_come_out_once_each_in_order() {
    async fn run(body: Result<(), Failure>) -> Result<(), Failure> {
        async_with!(Stack::new() as stack => {
            for error in ["correct context 4", "correct context 3", "correct context 2"] {
                drop(stack.enter(raises(error, true)).await?);
            }
            body?;
        })
    }

    let lost = LostErrors::with("correct context");
    assert_eq!(run(Err(Failure("correct context 1"))).await, Err(Failure("correct context 1")));
    let all = ["correct context 2", "correct context 3", "correct context 4"];
    expect_lost(&lost, &all);
    assert_eq!(run(Ok(())).await, Err(Failure("correct context 2")));
    expect_lost(&lost, &[&all[..], &all[1..]].concat());
}

fn raise<E>(error: E) -> Ready<Result<(), E>> {
    ready(Err(error))
}

/// An error that came with a cause.
#[derive(Debug, thiserror::Error)]
#[error("{name}")]
struct Caused {
    name: &'static str,
    source: Option<Box<Caused>>,
}

fn caused(name: &'static str, by: Option<&'static str>) -> Caused {
    Caused { name, source: by.map(|name| Box::new(Caused { name, source: None })) }
}

fn causes(error: &Caused) -> Vec<String> {
    let causes = std::iter::successors(Some(error), |error| error.source.as_deref());
    causes.map(ToString::to_string).collect()
}

// CPython: TestAsyncExitStack.test_exit_exception_with_existing_context, which makes one chain of the five.
#[tokio::test]
async fn errors_keep_the_causes_that_they_came_with() {
    async fn run(body: Result<(), Caused>) -> Result<(), Caused> {
        async_with!(AsyncExitStack::<Caused>::new() as stack => {
            stack.defer(|_outcome| raise(caused("existing cause 5", Some("existing cause 4"))));
            stack.defer(|_outcome| raise(caused("existing cause 3", Some("existing cause 2"))));
            body?;
        })
    }

    let lost = LostErrors::with("existing cause");
    let left = run(Err(caused("existing cause 1", None))).await.unwrap_err();
    assert_eq!(causes(&left), ["existing cause 1"]);
    let [three, five] = [("existing cause 3", "existing cause 2"), ("existing cause 5", "existing cause 4")]
        .map(|(error, cause)| format!("{:?}", caused(error, Some(cause))));
    assert_eq!(lost.texts(), [&*three, &*five]);
    let left = run(Ok(())).await.unwrap_err();
    assert_eq!(causes(&left), ["existing cause 3", "existing cause 2"]);
    assert_eq!(lost.texts(), [&*three, &*five, &*five]);
}

// CPython: TestAsyncExitStack.test_exit_exception_chaining_suppress. The error that is swallowed is the first one; the other
// is reported all the same.
#[tokio::test]
async fn nothing_leaves_when_the_outermost_swallows() {
    let (log, lost) = (Log::default(), LostErrors::with("swallowed at last"));
    let value = async_with!(Suppressor(log.unsure("a"), true), Stack::new() as stack => {
        fails(stack, &log, "swallowed at last: zero division");
        fails(stack, &log, "swallowed at last: key");
    });
    assert_eq!(value, Ok(None));
    log.expect(&[
        "enter a",
        "swallowed at last: key: completed",
        "swallowed at last: zero division: failed",
        "ask a: failed",
        "exit a: failed",
    ]);
    expect_lost(&lost, &["swallowed at last: zero division"]);
}

/// Fails in its exit with what it makes of the error of its body.
struct Answers<E> {
    seen: Option<Failure>,
    answer: fn(Failure) -> E,
}

impl<E: std::fmt::Debug + Send + 'static> AsyncContextManager for Answers<E> {
    type Value = ();
    type Error = E;

    async fn enter(&mut self) -> Result<(), E> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), E> {
        self.seen.map(self.answer).map_or(Ok(()), Err)
    }
}

impl<E: std::fmt::Debug + Send + 'static> ObserveError for Answers<E> {
    fn observe(&mut self, _value: &mut (), error: &(dyn Error + 'static)) {
        self.seen = error.downcast_ref().copied();
    }
}

// CPython: TestAsyncExitStack.test_dont_reraise_RuntimeError. There the wrapping exception leaves, with the body's as its
// cause; here the body's leaves, and what the two managers say is reported.
#[tokio::test]
async fn an_error_raised_again_and_wrapped_makes_no_endless_chain() {
    #[derive(Debug)]
    struct Unique(#[expect(dead_code, reason = "its debug form is looked at")] Failure);

    async fn run() -> Result<(), Failure> {
        let second = Answers { seen: None, answer: Unique };
        async_with!(second => {
            let first = Answers { seen: None, answer: |same| same };
            async_with!(first => { Err(Failure("please no infinite loop"))? })?;
        })
        .expect("the failure of the body leaves");
        Ok(())
    }

    let lost = LostErrors::with("please no infinite loop");
    assert_eq!(run().await, Err(Failure("please no infinite loop")));
    let same = r#"Failure("please no infinite loop")"#;
    assert_eq!(lost.texts(), [same.to_owned(), format!("Unique({same})")]);
}

// CPython: test_asyncio.test_taskgroups.test_taskgroup_context_manager_exit_raises. There both are in one exception group.
#[tokio::test]
async fn the_error_of_a_child_and_that_of_an_exit_in_the_group_are_both_reported() {
    let lost = LostErrors::with("of the database");
    let block = async_with!(TaskGroup::new() as group => {
        let database = defer(|_outcome| raise(Failure("of the database")));
        async_with!(database => {
            group.spawn(async { Err::<(), _>(Failure("of the child")) });
            pending::<()>().await;
        })
        .expect("the group interrupts it");
    });
    assert!(matches!(block, Err(ChildError::Failed(Failure("of the child")))), "{block:?}");
    expect_lost(&lost, &["of the database"]);
    assert_eq!(lost.all()[0].outcome, Outcome::Cancelled);
}
