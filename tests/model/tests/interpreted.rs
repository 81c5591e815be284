//! Random programs that are interpreted: undisturbed, cut at each of their steps, and with a panic at each.
//!
//! `NESTS` is how many programs there are, and `NESTS_SEED` which.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::collections::BTreeMap;
use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::program::Program;
use model::reference::{self, Disturbance};
use model::run::Run;
use model::{check, interpret};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

fn config() -> ProptestConfig {
    let number =
        |name, default| env::var(name).map_or(default, |value| value.parse().expect("a number is given"));
    ProptestConfig {
        cases: u32::try_from(number("NESTS", 1_000)).expect("not that many"),
        rng_seed: RngSeed::Fixed(number("NESTS_SEED", 20_261_123)),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/interpreted.regressions"))),
        ..ProptestConfig::default()
    }
}

#[test]
fn a_program_does_what_the_model_does() {
    let (programs, runs) = (AtomicUsize::new(0), AtomicUsize::new(0));
    proptest!(config(), |(program in Program::simple())| {
        runs.fetch_add(check(&program, &async |run: &Run| interpret::run(&program, run).await), Ordering::Relaxed);
        programs.fetch_add(1, Ordering::Relaxed);
    });
    println!("{programs:?} programs, {runs:?} runs");
}

/// What a comparison is worth depends on what happens in it.
#[test]
fn everything_happens_in_many_programs() {
    let seen = std::cell::RefCell::new(BTreeMap::<String, usize>::new());
    proptest!(ProptestConfig { cases: 3_000, ..config() }, |(program in Program::simple())| {
        let whole = reference::course(&program, Disturbance::None);
        let middle = reference::course(&program, Disturbance::Cut(whole.releases / 2));
        for event in whole.events.iter().chain(&middle.events) {
            let (what, told) = event.split_once(": ").unwrap_or((event, ""));
            let kind = format!("{} {told}", what.split(' ').next().unwrap());
            *seen.borrow_mut().entry(kind).or_default() += 1;
        }
    });
    let seen = seen.into_inner();
    let told =
        ["completed", "returned", "broke", "continued", "failed", "panicked", "interrupted", "cancelled"];
    let exits = told.map(|told| format!("exit {told}"));
    let others = [
        "abandon ",
        "gone ",
        "ask failed",
        "ask interrupted",
        "lost cancelled",
        "lost failed",
        "failed ",
        "cut ",
    ];
    for kind in exits.iter().map(String::as_str).chain(others) {
        assert!(seen.get(kind).is_some_and(|times| *times >= 20), "{kind}: {seen:#?}");
    }
}
