//! What is reported of the exits.

use std::convert::Infallible;
use std::future::pending;
use std::panic::AssertUnwindSafe;

use async_with::{AsyncContextManager, Outcome, async_with, from_fn, together};
use futures::FutureExt;

use crate::common::log::Lost;
use crate::common::part::{End, Part, Plan, Run, Step, install_hook, lost_outside_runs};

#[tokio::test]
async fn names_the_part_and_the_place() {
    let run = Run::new();
    let plan = Plan::ends(End::Succeeds, End::Fails);
    let parts = (run.part("A", plan), run.part("B", Plan { exit: Step::new(0, End::Fails), ..plan }));
    let line = line!() + 1;
    let managers = together(parts);
    assert_eq!(async_with!(managers => {}), Err(run.fault("B exit")));
    let lost = run.lost();
    assert_eq!(run.lost_faults(), ["A exit"]);
    assert_eq!((lost[0].manager, lost[0].outcome), (std::any::type_name::<Part>(), Outcome::Completed));
    assert_eq!((lost[0].file, lost[0].line), (file!(), line));
}

/// An error whose destructor panics keeps no exit from running.
#[tokio::test]
async fn of_an_error_that_panics_when_it_is_dropped_stops_no_exit() {
    #[derive(Debug)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::panic_any("it went off");
            }
        }
    }

    install_hook();
    let run = Run::new();
    let part = |pends, bomb: bool| {
        let run = run.clone();
        from_fn(
            || async { Ok::<(), Bomb>(()) },
            move |(), _| async move {
                for _ in 0..pends {
                    tokio::task::yield_now().await;
                }
                run.trace.log(format!("exit {pends}"));
                if bomb { Err(Bomb) } else { Ok(()) }
            },
        )
    };
    let managers = together([part(0, true), part(1, true), part(2, false)]);
    let caught = AssertUnwindSafe(async { async_with!(managers => {}) }).catch_unwind().await;
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"it went off"));
    run.expect(&["exit 0", "exit 1", "exit 2"]);
}

/// Nothing was entered, so nothing is lost with the runtime; what was is said to be.
#[test]
fn of_a_runtime_that_ends_is_of_what_was_entered() {
    struct Entered;

    impl AsyncContextManager for Entered {
        type Value = ();
        type Error = Infallible;

        async fn enter(&mut self) -> Result<(), Infallible> {
            Ok(())
        }

        async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
            unreachable!("its runtime has gone")
        }
    }

    install_hook();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let never = || from_fn(pending::<Result<(), Infallible>>, |(), _| async {});
    runtime.spawn(async move { async_with!(together((never(), never())) => {}) });
    runtime.spawn(async move { async_with!(together((Entered, never())) => {}) });
    runtime.block_on(async {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    });
    drop(runtime);
    let of_this = |lost: &Lost| lost.file == file!() && lost.error.contains("shut down");
    let lost: Vec<_> = lost_outside_runs().into_iter().filter(of_this).collect();
    assert!(lost.len() == 1 && lost[0].manager.contains("Entered"), "{lost:?}");
}
