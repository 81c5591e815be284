//! Random programs, interpreted: undisturbed, cut at each of their steps, and with a panic at each.
//!
//! `NESTS` is how many programs there are.

#![deny(warnings, clippy::all, clippy::pedantic)]

use model::program::Program;
use model::reference::{Course, Disturbance, course as expected};
use model::{interpret, run};
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed};

fn nests() -> u32 {
    std::env::var("NESTS").map_or(1_000, |nests| nests.parse().expect("NESTS is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: nests(),
        rng_seed: RngSeed::Fixed(20_261_123),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/interpreted.regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_program_does_what_the_model_does(program in Program::simple()) {
        let compare = |disturbance| -> Result<Course, TestCaseError> {
            let real = run::course(&program, disturbance, async |run| interpret::run(&program, run).await);
            let model = expected(&program, disturbance);
            prop_assert_eq!(&real, &model, "{:?}", disturbance);
            Ok(real)
        };
        let whole = compare(Disturbance::None)?;
        for at in 0..whole.releases {
            compare(Disturbance::Cut(at))?;
            compare(Disturbance::Panic(at + 1))?;
        }
    }
}
