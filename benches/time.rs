//! What a block costs in time, of each contender in each case.

use std::fmt;

use benches::cases::{Case, Contender, Run};
use benches::stage;
use divan::Bencher;

fn main() {
    stage::set();
    divan::main();
}

struct Of(Case, Contender, Run);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0, self.1)
    }
}

fn all() -> Vec<Of> {
    let pairs = Case::ALL.into_iter().flat_map(|case| Contender::ALL.map(|contender| (case, contender)));
    pairs.filter_map(|(case, contender)| Some(Of(case, contender, contender.block(case)?))).collect()
}

#[divan::bench(args = all())]
fn block(bencher: Bencher<'_, '_>, Of(_, _, run): &Of) {
    bencher.bench(|| run(1));
}
