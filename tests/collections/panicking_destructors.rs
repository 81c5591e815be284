//! The parts must survive destructors that panic, as nested blocks do.

use std::panic::AssertUnwindSafe;

use async_with::{AsyncContextManager, AsyncExitStack, async_with, from_fn};

use crate::common::log::Log;

#[derive(Debug)]
struct Bomb(#[allow(dead_code, reason = "its text is read through Debug")] &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "{} went off", self.0);
    }
}

fn part(
    name: &'static str,
    log: &Log,
    bomb: bool,
) -> impl AsyncContextManager<Value = (), Error = Bomb> + use<> {
    let log = log.clone();
    from_fn(
        || async { Ok::<(), Bomb>(()) },
        move |(), outcome| async move {
            log.add(format!("exit {name}: {outcome}"));
            if bomb { Err(Bomb(name)) } else { Ok(()) }
        },
    )
}

async fn all_are_exited(log: &Log, run: impl Future<Output = Result<(), Bomb>>) {
    let caught = futures::FutureExt::catch_unwind(AssertUnwindSafe(run)).await;
    let payload = caught.expect_err("the bomb of b goes off");
    assert_eq!(payload.downcast_ref::<String>().unwrap(), "b went off");
    // That of c is the failure, that of b is lost; a comes after a panic.
    log.expect(&["exit c: completed", "exit b: failed", "exit a: panicked"]);
}

#[tokio::test]
async fn of_a_lost_error_keep_no_part_from_running() {
    async fn all(parts: Vec<impl AsyncContextManager<Value = (), Error = Bomb>>) -> Result<(), Bomb> {
        async_with!(parts => {})
    }

    let log = &Log::default();
    all_are_exited(log, all(vec![part("a", log, false), part("b", log, true), part("c", log, true)])).await;
    let bombs = || [part("a", log, false), part("b", log, true), part("c", log, true)];
    all_are_exited(log, async {
        let stack = AsyncExitStack::new();
        for part in bombs() {
            drop(stack.enter(part).await?);
        }
        stack.close().await
    })
    .await;
    all_are_exited(log, async {
        async_with!((part("a", log, false), part("b", log, true), part("c", log, true)) => {})
    })
    .await;
}
