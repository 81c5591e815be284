//! What the Rust programs of the differential run on.

mod managers;
mod run;

pub use managers::{Core, Counter};
pub use run::{Fault, Odd, Run, fail, fail_late, run};
