//! What a block costs in instructions, which do not depend on what else the machine does.
//!
//! `cargo run --release -p benches --bin contenders -- instructions` prints these as a table.

use benches::cases::{Case, Contender, Run};
use benches::{BLOCKS, stage};
use gungraun::prelude::*;

/// What a thread needs once is there after the first block.
fn warm((contender, case): (Contender, Case)) -> Run {
    stage::set();
    let run = contender.block(case).expect("a contender that runs all cases");
    run(1);
    run
}

fn all() -> Vec<(Contender, Case)> {
    Contender::COUNTED.into_iter().flat_map(|contender| Case::ALL.map(|case| (contender, case))).collect()
}

#[library_benchmark(setup = warm)]
#[benches::of(iter = all())]
fn blocks(run: Run) {
    run(BLOCKS);
}

library_benchmark_group!(name = instructions, benchmarks = blocks);
main!(library_benchmark_groups = instructions);
