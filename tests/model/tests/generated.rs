//! Random programs that were written as source: undisturbed, cut at each of their steps, and with a panic at each.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use model::run::Run;
use model::{check, generated};

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
