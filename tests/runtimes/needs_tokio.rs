//! Exits and managers that need tokio, where there is no runtime of it, or only now and then.

use std::future::pending;
use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use tokio::runtime::{Builder, Handle};
use tokio::time::sleep;

use crate::common::trace::{Trace, Traced, cut_at, losses, poll_once};
use crate::smol::block_on;

const NO_RUNTIME: &str = "must be called from the context of a Tokio 1.x runtime";

struct Sleeps(Trace);

impl AsyncContextManager for Sleeps {
    type Value = ();
    type Error = &'static str;

    async fn enter(&mut self) -> Result<(), &'static str> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), &'static str> {
        sleep(Duration::from_millis(1)).await;
        self.0.log("slept");
        Ok(())
    }
}

#[test]
fn a_detached_exit_that_needs_tokio_panics_on_the_thread_and_the_hook_is_told() {
    let losses = losses();
    block_on(async {
        let trace = Trace::new();
        let block = async {
            async_with!(Traced::new("A", &trace), Sleeps(trace.clone()) => { trace.step("body").await; })
        };
        cut_at(block, &trace, "body").await;
        settle().await;
        assert_eq!(trace.events()[2..], ["body", "exit A: cancelled", "exited A"]);
    });
    let lost = losses.over("::Sleeps");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert_eq!(lost[0].outcome, Outcome::Cancelled);
    assert!(lost[0].error.contains("the exit panicked: ") && lost[0].error.contains(NO_RUNTIME), "{lost:?}");
}

#[test]
#[should_panic(expected = "must be called from the context of a Tokio 1.x runtime")]
fn the_panic_of_such_an_exit_leaves_a_block_that_is_not_cut() {
    let _ = block_on(async { async_with!(Sleeps(Trace::new()) => {}) });
}

/// Keeps what it needs.
struct SleepsThere(Handle, Trace);

impl AsyncContextManager for SleepsThere {
    type Value = ();
    type Error = tokio::task::JoinError;

    async fn enter(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Self::Error> {
        let Self(runtime, trace) = self;
        let slept = async move {
            sleep(Duration::from_millis(1)).await;
            trace.log("slept");
        };
        runtime.spawn(slept).await
    }
}

#[test]
fn a_detached_exit_that_keeps_a_handle_of_tokio_runs_on_the_thread() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    block_on(async {
        let trace = Trace::new();
        let manager = SleepsThere(runtime.handle().clone(), trace.clone());
        let block = async { async_with!(manager => { trace.step("body").await; }) };
        cut_at(block, &trace, "body").await;
        settle().await;
        assert_eq!(trace.events(), ["body", "slept"]);
    });
}

// A runtime that is there for a part of the time.

#[cfg(feature = "tokio")]
#[test]
fn a_block_that_first_waits_in_a_runtime_is_exited_there_whoever_drives_and_drops_it() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let trace = Trace::new();
    let mut block = Box::pin(async {
        async_with!(Sleeps(trace.clone()) => {
            trace.step("body").await;
            trace.reached("never").await;
        })
    });
    {
        let _entered = runtime.enter();
        assert!(poll_once(block.as_mut()).is_pending());
    }
    block_on(async {
        cut_at(block, &trace, "body").await;
        settle().await;
    });
    assert_eq!(trace.events(), ["body", "slept"]);
}

#[test]
fn a_runtime_that_is_only_there_at_the_drop_does_not_matter() {
    let trace = Trace::new();
    let mut block = Box::pin(async {
        async_with!(Traced::new("A", &trace) => {
            trace.log("body");
            pending::<()>().await;
        })
    });
    while !trace.has("body") {
        assert!(poll_once(block.as_mut()).is_pending());
    }
    let runtime = Builder::new_current_thread().build().unwrap();
    {
        let _entered = runtime.enter();
        drop(block);
    }
    // The runtime is never driven, so it could not run the exit.
    block_on(trace.reached("exited A"));
}

#[cfg(feature = "tokio")]
mod managers {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use async_with::managers::{
        AtomicFile, ChildProcess, Shutdown, TaskGroup, TempDir, closing, deadline, timeout,
    };
    use async_with::{AsyncContextManager, AsyncContextManagerExt, async_with};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};

    use super::{Duration, NO_RUNTIME, Trace, Traced, block_on};
    use crate::common::trace::yield_once;

    /// A block over it outside of tokio, whose body logs `body`. It has to panic, as tokio does there.
    fn panics<M: AsyncContextManager>(manager: M) -> Trace {
        let trace = Trace::new();
        let block = catch_unwind(AssertUnwindSafe(|| {
            block_on(async {
                async_with!(Traced::new("A", &trace) => {
                    drop(async_with!(manager => {
                        yield_once().await;
                        trace.log("body");
                    }));
                })
            })
        }));
        let payload = block.unwrap_err();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap();
        assert!(text.contains(NO_RUNTIME), "{text}");
        assert_eq!(trace.events().last_chunk().unwrap(), &["exit A: panicked", "exited A"]);
        trace
    }

    #[test]
    fn those_for_time_tasks_files_and_processes_panic_before_or_in_their_body() {
        let folder = tempfile::tempdir().unwrap();
        for trace in [
            panics(timeout(Duration::from_secs(60))),
            panics(deadline(tokio::time::Instant::now() + Duration::from_secs(60))),
            panics(TaskGroup::<&str>::new()),
            panics(Shutdown::new()),
            panics(TempDir::new()),
            panics(AtomicFile::create(folder.path().join("file"))),
            panics(ChildProcess::new(std::process::Command::new("true"))),
        ] {
            assert!(!trace.has("body"));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_exit_timeout_panics_before_there_is_something_to_exit() {
        let trace = Trace::new();
        panics(Traced::new("B", &trace).exit_timeout(Duration::from_secs(60)));
        assert!(trace.events().is_empty());
    }

    #[test]
    fn closing_needs_no_tokio_if_its_writer_does_not() {
        block_on(async {
            let (near, mut far) = tokio::io::duplex(64);
            async_with!(closing(BufWriter::new(near)) as writer => {
                writer.write_all(b"all of it").await?;
            })?;
            let mut read = String::new();
            far.read_to_string(&mut read).await?;
            assert_eq!(read, "all of it");
            std::io::Result::Ok(())
        })
        .unwrap();
    }
}
