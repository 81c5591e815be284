//! Writes random programs as source, with the macros in it as text.
//!
//! `GENERATED_SEED` and `GENERATED` say which, and how many.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

#[allow(dead_code, reason = "the crate uses the rest")]
#[path = "src/program.rs"]
mod program;
#[path = "src/source.rs"]
mod source;

fn main() {
    let number = |name: &str, default| {
        println!("cargo::rerun-if-env-changed={name}");
        env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    println!("cargo::rerun-if-changed=src/program.rs");
    println!("cargo::rerun-if-changed=src/source.rs");
    let (seed, count) = (number("GENERATED_SEED", 1), number("GENERATED", 300));
    let config = Config { rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let (mut runner, strategy) = (TestRunner::new(config), program::Program::any());
    let mut file = String::new();
    for index in 0..count {
        let program = strategy.new_tree(&mut runner).expect("a strategy without filters").current();
        file += &source::function(&format!("program_{index}"), &program);
        file.push('\n');
    }
    file += "pub const SEED: u64 = ";
    writeln!(file, "{seed};").expect("a string takes everything");
    file += "pub fn all() -> Vec<Start> {\n    vec![\n";
    for index in 0..count {
        writeln!(file, "        |run| Box::pin(program_{index}(run)),").expect("a string takes everything");
    }
    file += "    ]\n}\n";
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&folder).join("generated.rs"), file).expect("cargo has made the folder");
}
