//! What concurrent parts cost.

use std::convert::Infallible;
use std::time::Duration;

use async_with::{AsyncContextManager, AsyncExitStack, async_with, from_fn, ready, together};
use tokio::time::{Instant, sleep};

use crate::common::part::checks::check_exactly_once;
use crate::common::part::{Fault, Part, Plan, Run};

fn slow(name: &'static str) -> impl AsyncContextManager<Value = &'static str, Error = Infallible> {
    from_fn(
        move || async move {
            sleep(Duration::from_secs(1)).await;
            Ok(name)
        },
        |_name, _outcome| sleep(Duration::from_secs(1)),
    )
}

#[tokio::test(start_paused = true)]
async fn takes_as_long_as_the_slowest() {
    let start = Instant::now();
    async_with!(together(vec![slow("a"), slow("b"), slow("c")]) as names => {
        assert_eq!(**names, ["a", "b", "c"]);
    });
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    let start = Instant::now();
    async_with!(together((vec![slow("a"), slow("b")], slow("c"))) as (names, name) => {
        assert_eq!((&**names, *name), (&["a", "b"][..], "c"));
    });
    assert_eq!(start.elapsed(), Duration::from_secs(4), "a list is one after the other");
}

#[tokio::test]
async fn of_none_is_nothing() {
    let empty: Vec<Part> = Vec::new();
    let none: [Part; 0] = [];
    async_with!(together((together(empty), together(none), None::<Part>)) as (list, array, option) => {
        assert_eq!((list.len(), array.len(), option.is_none()), (0, 0, true));
    })
    .unwrap();
    async_with!(together((ready(1),)) as (one,) => assert_eq!(*one, 1));
}

#[tokio::test]
async fn of_many_is_no_recursion() {
    let run = Run::new();
    let plans = vec![Plan::ok(); 10_000];
    let parts: Vec<_> = plans.iter().enumerate().map(|(n, plan)| run.part(n.to_string(), *plan)).collect();
    async_with!(together(parts) => {}).unwrap();
    assert_eq!(run.events().iter().filter(|event| event.starts_with("over ")).count(), 10_000);
}

#[tokio::test]
async fn is_one_entry_of_a_stack() {
    let run = Run::new();
    let stack = AsyncExitStack::<Fault>::new();
    drop(stack.enter(run.part("A", Plan::ok())).await.unwrap());
    drop(stack.enter(together(three_more(&run))).await.unwrap());
    stack.close().await.unwrap();
    check_exactly_once(&run.events(), "stack");
    assert!(run.events().last().unwrap() == "over A", "{:?}", run.events());
}

fn three_more(run: &Run) -> Vec<Part> {
    ["B", "C", "D"].map(|name| run.part(name, Plan::ok())).into()
}
