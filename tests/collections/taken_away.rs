//! A value that the body has taken away cannot be exited; that is said.

use async_with::{Outcome, async_with, from_fn, ready, together};

use crate::common::log::Lost;
use crate::common::part::{Fault, Plan, Run, install_hook, lost_outside_runs};

fn unreachable_exit() {
    unreachable!("there is nothing to exit")
}

fn reported_at(line: u32) -> Vec<Lost> {
    let taken = |lost: &Lost| lost.error.contains("taken out") && lost.file == file!() && lost.line == line;
    lost_outside_runs().into_iter().filter(taken).collect()
}

#[tokio::test]
async fn from_an_option_is_reported() {
    install_hook();
    let run = Run::new();
    let stolen = from_fn(|| async { Ok::<_, Fault>(1) }, |_, _| async { unreachable_exit() });
    let line = line!() + 1;
    async_with!((run.part("A", Plan::ok()), Some(stolen)) as (_, value) => {
        assert_eq!(value.take(), Some(1));
    })
    .unwrap();
    run.expect(&["enter A", "entered A", "exit A: completed"]);
    let outcomes: Vec<_> = reported_at(line).into_iter().map(|lost| lost.outcome).collect();
    assert_eq!(outcomes, [Outcome::Completed]);
}

#[tokio::test]
async fn from_a_list_is_reported_for_each() {
    install_hook();
    let line = line!() + 1;
    async_with!(vec![ready(1), ready(2), ready(3)] as values => {
        assert_eq!(std::mem::take(values).len(), 3);
    });
    assert_eq!(reported_at(line).len(), 3);
    let line = line!() + 1;
    async_with!(together(vec![ready(1), ready(2), ready(3)]) as values => {
        *values = Box::new([4]);
    });
    assert_eq!(reported_at(line).len(), 2);
}
