//! What JavaScript refuses and Rust allows. What both refuse is in `tests/ui`.

use std::convert::Infallible;

use async_with::{async_with, ready};

use crate::common::log::{Log, Recorder};

/// 52. syntax/await-using-invalid-assignment-statement-body-for-of: with `mut` a name can be assigned.
#[tokio::test]
async fn a_name_that_is_mut_may_be_assigned() {
    let log = Log::default();
    let mut other = 7;
    for manager in [log.sure("a").value(1), log.sure("b").value(2)] {
        async_with!(manager as mut value => {
            assert!(*value < 3);
            value = &mut other;
            assert_eq!(*value, 7);
        });
    }
    log.expect(&["enter a", "exit a: completed", "enter b", "exit b: completed"]);
}

/// 53. syntax/await-using-invalid-arraybindingpattern, -after-bindingidentifier, -does-not-break-element-access;
/// await-using-invalid-objectbindingpattern, -after-bindingidentifier.
#[tokio::test]
async fn patterns_that_always_match_are_allowed() {
    /// With fields to take apart.
    struct Point {
        x: u8,
        y: u8,
    }

    async_with!(
        ready([1, 2, 3]) as [first, .., last],
        ready(Point { x: 4, y: 5 }) as Point { x, .. },
        ready((6, [*first; 1])) as (six, [copied]),
        ready([(); 0]) as [],
        ready(Point { x: 8, y: 9 }) as Point { y, .. }
        => {
            *last += *x;
            assert_eq!((*first, *last, *y, *six, *copied), (1, 7, 9, 6, 1));
        }
    );
    // What looks like a pattern after `using` there is an index, here as anywhere.
    let mut managers = [Some(ready(1)), Some(ready(2))];
    async_with!(managers[1].take() as value => { assert_eq!(*value, Some(2)) });
}

/// 56. syntax/await-using-allows-multiple-bindings, syntax/await-using-allows-bindingidentifier.
#[tokio::test]
async fn several_are_allowed_in_one_head() {
    let none = || None::<Recorder<Infallible>>;
    async_with!(none() as x, none() as y => { assert_eq!((*x, *y), (None, None)) });
}
