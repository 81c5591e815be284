//! Random programs that were written as source: undisturbed, cut at each of their steps, and with a panic at each.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use model::program::{Form, Item, Program};
use model::reference::{self, Disturbance};
use model::run::Run;
use model::{check, generated};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

#[test]
fn a_function_does_what_the_model_does() {
    let programs = generated::programs();
    let mut runs = 0;
    for (index, (program, start)) in programs.iter().enumerate() {
        let checked = catch_unwind(AssertUnwindSafe(|| check(program, &async |run: &Run| start(run).await)));
        runs += checked.unwrap_or_else(|payload| {
            eprintln!("program_{index} of seed {}: {program:#?}", generated::SEED);
            resume_unwind(payload)
        });
    }
    println!("{} functions, {runs} runs", programs.len());
}

/// Programs are written in each form, and what they are compared by happens in each.
#[test]
fn exits_are_told_everything_in_many_blocks_of_each_form() {
    let told = std::cell::RefCell::new(BTreeMap::<(Form, String), usize>::new());
    let config = ProptestConfig { cases: 2_000, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() };
    proptest!(config, |(program in Program::any())| {
        let mut forms = BTreeMap::new();
        for block in program.blocks() {
            let plans = block.items.iter().flat_map(Item::plans);
            forms.extend(plans.map(|plan| (plan.name.as_str(), block.form)));
        }
        let whole = reference::course(&program, Disturbance::None);
        let middle = reference::course(&program, Disturbance::Cut(whole.releases / 2));
        for event in whole.events.iter().chain(&middle.events) {
            let Some((name, outcome)) = event.strip_prefix("exit ").and_then(|exit| exit.split_once(": ")) else {
                continue;
            };
            *told.borrow_mut().entry((forms[name], outcome.to_owned())).or_default() += 1;
        }
    });
    let told = told.into_inner();
    for outcome in
        ["completed", "returned", "broke", "continued", "failed", "panicked", "interrupted", "cancelled"]
    {
        for form in [Form::Macro, Form::Braces, Form::Rest] {
            let times = told.get(&(form, outcome.to_owned())).copied().unwrap_or(0);
            assert!(times >= 5, "{outcome} in {form:?}: {times} times, of {told:#?}");
        }
    }
}
