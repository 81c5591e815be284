//! A stack equals nested blocks, and so does a list: random programs of managers, run in all three ways.
//!
//! They agree in what is entered and exited, in which order, what each exit is told, what comes out, and what is reported. Left
//! out, because they differ by documentation: interrupts, which a stack and a list tell to all parts. And two things follow
//! from a stack's being one block. Dropped in the middle of its exits, it tells the rest what it would have told them, where
//! nested blocks are cut one by one and told `Cancelled`. And an error of an exit that a panic of a later exit replaces is
//! reported, where among nested blocks it has become the failure of a body.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use async_with::{AsyncExitStack, async_with};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::common::part::checks::{check_exactly_once, check_lifo, check_nothing_lost};
use crate::common::part::{
    Came, End, Ended, Fault, Leave, Part, Plan, Run, Step, TO_THE_END, bare, block, body, came, nested,
};

#[derive(Clone, Debug)]
struct Program {
    plans: Vec<Plan>,
    leave: Leave,
}

fn step(fails: u32) -> impl Strategy<Value = Step> {
    let end = prop_oneof![8 => Just(End::Succeeds), fails => Just(End::Fails), fails => Just(End::Panics)];
    (0..3_usize, end).prop_map(|(pends, end)| Step { pends, end })
}

fn program() -> impl Strategy<Value = Program> {
    let plan = (step(1), step(3)).prop_map(|(enter, exit)| Plan { enter, exit, interrupts: None });
    (prop::collection::vec(plan, 0..6), prop::sample::select(Leave::ALL.as_slice()))
        .prop_map(|(plans, leave)| Program { plans, leave })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Nested,
    Stack,
    Closed,
    List,
}

impl Program {
    async fn run(self, form: Form, run: Run) -> Result<Leave, Fault> {
        let (parts, inner) = (run.parts(&self.plans), body(&run, self.leave));
        match form {
            Form::Nested => nested(parts.into_iter(), inner).await,
            Form::Stack => stack(parts, inner).await,
            Form::Closed => closed(parts, inner).await,
            Form::List => block(parts, inner).await,
        }
    }

    fn came(&self, form: Form, polls: usize) -> Came {
        // The settling in there needs no runtime; detached exits run on one.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(came(|run| self.clone().run(form, run.clone()), polls))
    }
}

async fn stack(parts: Vec<Part>, inner: impl Future<Output = Result<Leave, Fault>>) -> Result<Leave, Fault> {
    let (mut left, mut parts, mut inner) = (Leave::AtTheEnd, parts.into_iter(), Some(inner));
    for stack in [AsyncExitStack::<Fault>::new()] {
        async_with!(stack as stack => {
            let mut handles = Vec::new();
            for part in parts.by_ref() {
                handles.push(stack.enter(part).await?);
            }
            left = inner.take().unwrap().await?;
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

async fn closed(parts: Vec<Part>, inner: impl Future<Output = Result<Leave, Fault>>) -> Result<Leave, Fault> {
    let stack = AsyncExitStack::<Fault>::new();
    for part in parts {
        drop(stack.enter(part).await?);
    }
    let left = inner.await?;
    stack.close().await?;
    Ok(left)
}

/// The error of an exit that a panic of a later exit has replaced.
fn replaced(program: &Program, came: &Came) -> Option<String> {
    let entered = program.plans.iter().all(|plan| plan.enter.end == End::Succeeds);
    let first = came.events.iter().find_map(|event| event.strip_prefix("failed "))?;
    let panicked = matches!(&came.ended, Some(Err(payload)) if payload != first);
    (entered && program.leave.outcome().is_success() && panicked).then(|| first.to_owned())
}

/// Whether an exit had begun.
fn in_exits(events: &[String]) -> bool {
    events.iter().any(|event| event.starts_with("exit "))
}

fn without_outcomes(events: &[String]) -> Vec<&str> {
    events.iter().map(|event| event.split(": ").next().unwrap()).collect()
}

fn check(program: &Program) {
    let reference = program.came(Form::Nested, TO_THE_END);
    check_exactly_once(&reference.events, "nested");
    check_lifo(&reference.events, "nested");
    for form in [Form::Stack, Form::List] {
        let whole = program.came(form, TO_THE_END);
        assert_eq!(whole.events, reference.events, "{form:?}");
        assert_eq!(whole.ended, reference.ended, "{form:?}");
        assert_eq!(whole.before, whole.events, "{form:?}: something is left to do");
        let mut lost = whole.run.lost_faults();
        if let Some(replaced) = replaced(program, &whole) {
            let at = lost.iter().position(|fault| *fault == replaced).expect("it is reported");
            lost.remove(at);
        }
        assert_eq!(lost, reference.run.lost_faults(), "{form:?}");
        for polls in 0.. {
            let cut = program.came(form, polls);
            let nest = program.came(Form::Nested, polls);
            let what = format!("{form:?} after {polls} polls");
            check_exactly_once(&cut.events, &what);
            check_lifo(&cut.events, &what);
            check_nothing_lost(&cut.run, cut.ended.as_ref(), &what);
            assert_eq!(cut.before, nest.before, "{what}");
            if in_exits(&cut.before) {
                assert_eq!(cut.events, whole.events, "{what}");
                assert_eq!(without_outcomes(&cut.events), without_outcomes(&nest.events), "{what}");
            } else {
                assert_eq!(cut.events, nest.events, "{what}");
                assert_eq!(cut.run.lost_faults(), nest.run.lost_faults(), "{what}");
            }
            assert_eq!(cut.ended.is_some(), nest.ended.is_some(), "{what}: as many polls");
            if cut.ended.is_some() {
                break;
            }
        }
    }
    check_closed(program);
}

/// A stack without a block: what is left of it is dropped where the body leaves early, and told `Cancelled`.
fn check_closed(program: &Program) {
    let early = matches!(program.leave, Leave::Fail | Leave::Panic)
        || program.plans.iter().any(|plan| plan.enter.end != End::Succeeds);
    for polls in (0..).chain([TO_THE_END]) {
        let cut = program.came(Form::Closed, polls);
        let what = format!("closed after {polls} polls");
        check_exactly_once(&cut.events, &what);
        check_lifo(&cut.events, &what);
        check_nothing_lost(&cut.run, cut.ended.as_ref().filter(|_| !early), &what);
        let cancelled = early || !in_exits(&cut.before);
        for told in cut.events.iter().filter(|event| event.starts_with("exit ")) {
            assert_eq!(cancelled, told.ends_with(": cancelled"), "{what}: {told}");
        }
        if cut.ended.is_some() {
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_000),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/exit_stack_properties.regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_stack_and_a_list_equal_nested_blocks(program in program()) {
        check(&program);
    }
}

/// What the comparison itself rests on: a program that goes through all that can differ.
#[test]
fn the_forms_are_compared_where_it_matters() {
    let plan = |exit| Plan { enter: Step::new(1, End::Succeeds), exit: Step::new(1, exit), interrupts: None };
    let program = Program {
        plans: vec![plan(End::Succeeds), plan(End::Fails), plan(End::Panics), plan(End::Fails)],
        leave: Leave::Return,
    };
    check(&program);
    let whole = program.came(Form::Stack, TO_THE_END);
    let ended: Option<Ended> = Some(Err("C exit".to_owned()));
    assert_eq!(whole.ended, ended);
    assert_eq!(whole.run.lost_faults(), ["B exit", "D exit"]);
    assert_eq!(program.came(Form::Nested, TO_THE_END).run.lost_faults(), ["B exit"]);
    let told: Vec<_> = whole.events.iter().filter(|event| event.starts_with("exit ")).collect();
    assert_eq!(told, ["exit D: returned", "exit C: failed", "exit B: panicked", "exit A: panicked"]);
}

/// Their order too, when the body has failed and so all of them are reported. Where something fails first in the exits, see
/// `replaced`.
#[test]
fn after_a_body_that_failed_errors_are_reported_in_the_order_of_nested_blocks() {
    const ENDS: [End; 3] = [End::Succeeds, End::Fails, End::Panics];
    let plan = |exit| Plan { enter: Step::new(0, End::Succeeds), exit: Step::new(0, exit), interrupts: None };
    for leave in [Leave::Fail, Leave::Panic] {
        for number in 0..27 {
            let plans: Vec<_> = [1, 3, 9].iter().map(|digit| plan(ENDS[number / digit % 3])).collect();
            let program = Program { plans, leave };
            let lost = |form| -> Vec<String> {
                let came = program.came(form, TO_THE_END);
                came.run.lost().iter().map(|lost| bare(&lost.error)).collect()
            };
            for form in [Form::Stack, Form::List] {
                assert_eq!(lost(form), lost(Form::Nested), "{form:?} of {program:?}");
            }
        }
    }
}
