//! Random programs of blocks, run for real and by a model.
//!
//! - [`program`]: what a program is, and how random ones are made.
//! - [`mod@reference`]: the model, which knows the documentation and not the library.
//! - [`invariants`]: what holds of every run, whatever it does.
//! - [`run`]: real runs, their clock, and the harness that cuts one or makes it panic.
//! - [`managers`]: the managers of real runs.
//! - [`interpret`]: runs a program through the macros, in a few functions that have a block each.
//! - [`generated`]: programs as source, which the build script writes: the macros get them as text.

#![deny(warnings, clippy::all, clippy::pedantic)]

pub mod generated;
pub mod interpret;
pub mod invariants;
pub mod managers;
pub mod program;
pub mod reference;
pub mod run;

use program::Program;
use reference::Disturbance;
use run::{Fault, Run};

/// Runs `program` as `start` does: undisturbed, cut at each of its steps, and with a panic at each. Gives the number of runs.
///
/// # Panics
///
/// If a run does not do what the model does, or not what holds of every run.
pub fn check(program: &Program, start: &impl AsyncFn(&Run) -> Result<u32, Fault>) -> usize {
    let compare = |disturbance| {
        let real = run::course(program, disturbance, start);
        let model = reference::course(program, disturbance);
        assert_eq!(real, model, "{disturbance:?}: the real run, and the model's");
        invariants::check(program, &real.events);
        real.releases
    };
    let releases = compare(Disturbance::None);
    for at in 0..releases {
        compare(Disturbance::Cut(at));
        compare(Disturbance::Panic(at + 1));
    }
    1 + 2 * releases
}
