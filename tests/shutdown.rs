//! The manager `Shutdown`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use async_with::managers::{NotEnded, Shutdown, ShutdownError, ShutdownHandle};
use async_with::{Outcome, async_with, settle};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn shutdown(grace: u64) -> Shutdown {
    Shutdown::new().grace(seconds(grace))
}

/// A task that begins to end when it is told to, takes its time for that, and records whether it could.
async fn part(name: &'static str, takes: Duration, shutdown: ShutdownHandle, trace: Trace) {
    let unfinished = scopeguard::guard(trace, |trace| trace.log(format!("{name} dropped")));
    shutdown.token().cancelled().await;
    sleep(takes).await;
    scopeguard::ScopeGuard::into_inner(unfinished).log(format!("{name} ended"));
}

fn late<T>(block: Result<T, ShutdownError>) -> NotEnded {
    match block.map(drop) {
        Err(ShutdownError::NotEnded(late)) => late,
        other => panic!("{other:?}"),
    }
}

fn names(late: &NotEnded) -> Vec<&str> {
    late.tasks().collect()
}

mod tasks {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn that_end_in_time_are_waited_for() {
        let (start, trace) = (Instant::now(), Trace::new());
        let block = async_with!(shutdown(10) as shutdown => {
            shutdown.spawn("quick", part("quick", seconds(2), shutdown.clone(), trace.clone()));
            shutdown.spawn("slow", part("slow", seconds(9), shutdown.clone(), trace.clone()));
            sleep(seconds(100)).await;
            "served"
        });
        assert_eq!(block.unwrap(), "served");
        assert_eq!(start.elapsed(), seconds(109));
        assert_eq!(trace.events(), ["quick ended", "slow ended"]);
    }

    #[tokio::test(start_paused = true)]
    async fn that_do_not_are_aborted_and_named() {
        let (start, trace) = (Instant::now(), Trace::new());
        let block = async_with!(shutdown(10) as shutdown => {
            shutdown.spawn("quick", part("quick", seconds(2), shutdown.clone(), trace.clone()));
            shutdown.spawn("slow", part("slow", seconds(11), shutdown.clone(), trace.clone()));
            shutdown.spawn(format!("connection {}", 7), pending::<()>());
        });
        let late = late(block);
        assert_eq!(names(&late), ["slow", "connection 7"]);
        assert!(!late.body());
        assert_eq!(start.elapsed(), seconds(10));
        assert_eq!(trace.events(), ["quick ended", "slow dropped"]);
    }

    #[tokio::test(start_paused = true)]
    async fn give_their_values_and_their_panics_by_their_handles() {
        let block = async_with!(shutdown(10) as shutdown => {
            let five = shutdown.spawn("five", async { 5 });
            let panicking = shutdown.spawn("panicking", async { panic!("a task that panics") });
            (five.await.unwrap(), panicking.await.unwrap_err().is_panic())
        });
        assert_eq!(block.unwrap(), (5, true));
    }

    #[tokio::test(start_paused = true)]
    async fn may_be_spawned_until_the_grace_time_is_over() {
        let trace = Trace::new();
        let mut kept = None;
        let block = async_with!(shutdown(10) as shutdown => {
            let (handle, spawned) = (shutdown.clone(), trace.clone());
            shutdown.spawn("first", async move {
                handle.token().cancelled().await;
                handle.spawn("second", part("second", seconds(3), handle.clone(), spawned));
            });
            kept = Some(shutdown.clone());
        });
        block.unwrap();
        assert_eq!(trace.events(), ["second ended"]);

        let polled = trace.clone();
        let never = scopeguard::guard(trace.clone(), |trace| trace.log("dropped un-polled"));
        let refused = kept.unwrap().spawn("third", async move {
            let _never = never;
            polled.log("polled");
        });
        assert_eq!(trace.events()[1..], ["dropped un-polled"]);
        assert!(refused.await.unwrap_err().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn are_gone_with_the_blocks_in_them_before_the_block_is_over() {
        let (trace, gate) = (Trace::new(), Gate::new());
        let block = async {
            let block = async_with!(shutdown(10) as shutdown => {
                let (trace, gate) = (trace.clone(), gate.clone());
                shutdown.spawn("with a block", async move {
                    async_with!(Traced::new("A", &trace).exit_waits(&gate) => {
                        trace.log("task");
                        pending::<()>().await;
                    })
                });
            });
            trace.log("over");
            block
        };
        let opener = async {
            trace.reached("exit A: cancelled").await;
            sleep(seconds(1)).await;
            trace.log("opened");
            gate.open();
        };
        assert_eq!(names(&late(tokio::join!(block, opener).0)), ["with a block"]);
        assert_eq!(trace.events()[2..], ["task", "exit A: cancelled", "opened", "exited A", "over"]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn are_not_lost_on_many_threads() {
        let (sender, mut ended) = mpsc::unbounded_channel();
        let block = async_with!(Shutdown::new().grace(seconds(60)) as shutdown => {
            for number in 0..5_000_u32 {
                let (sender, shutdown_too) = (sender.clone(), shutdown.clone());
                shutdown.spawn("connection", async move {
                    yield_now().await;
                    shutdown_too.spawn("follow-up", async move { sender.send(number).unwrap() });
                });
            }
            drop(sender);
        });
        block.unwrap();
        let mut count = 0;
        while let Ok(_number) = ended.try_recv() {
            count += 1;
        }
        assert_eq!(count, 5_000);
    }
}

mod the_body {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn may_begin_the_shutdown_and_go_on_for_the_grace_time() {
        let (start, trace) = (Instant::now(), Trace::new());
        let block = async_with!(shutdown(10) as shutdown => {
            shutdown.spawn("A", part("A", seconds(9), shutdown.clone(), trace.clone()));
            shutdown.token().cancel();
            sleep(seconds(8)).await;
            "drained"
        });
        assert_eq!(block.unwrap(), "drained");
        assert_eq!(start.elapsed(), seconds(9), "the time of the tasks began with that of the body");
        assert_eq!(trace.events(), ["A ended"]);
    }

    #[tokio::test(start_paused = true)]
    async fn leaves_the_tasks_only_what_it_has_not_used_of_the_grace_time() {
        let start = Instant::now();
        let block = async_with!(shutdown(10) as shutdown => {
            shutdown.spawn("A", pending::<()>());
            shutdown.token().cancel();
            sleep(seconds(8)).await;
        });
        assert_eq!(names(&late(block)), ["A"]);
        assert_eq!(start.elapsed(), seconds(10));
    }

    #[tokio::test(start_paused = true)]
    async fn is_interrupted_and_named_when_it_does_not_end() {
        let losses = losses();
        let (start, trace) = (Instant::now(), Trace::new());
        let block = async_with!(shutdown(10) as shutdown => {
            scopeguard::defer! { trace.log("body dropped") }
            shutdown.spawn("does not end beside its body", part("A", seconds(60), shutdown.clone(), trace.clone()));
            sleep(seconds(5)).await;
            shutdown.token().cancel();
            pending::<()>().await;
        });
        let late = late(block);
        assert!(late.body());
        assert_eq!(names(&late), ["does not end beside its body"]);
        assert_eq!(start.elapsed(), seconds(15));
        assert_eq!(trace.events(), ["body dropped", "A dropped"]);
        assert!(losses.of("does not end beside its body").is_empty(), "it is reported once");
    }

    #[tokio::test(start_paused = true)]
    async fn may_leave_in_each_way() {
        async fn leave(way: &'static str, trace: Trace) -> anyhow::Result<&'static str> {
            let mut way = way;
            loop {
                async_with!(shutdown(10) as shutdown => {
                    shutdown.spawn("A", part("A", seconds(9), shutdown.clone(), trace.clone()));
                    match std::mem::replace(&mut way, "end") {
                        "return" => return Ok("returned"),
                        "?" => Err(anyhow::anyhow!("failed"))?,
                        "break" => break Ok("broke"),
                        "continue" => continue,
                        "panic" => panic!("a body that panics"),
                        _ => {}
                    }
                })?;
                return Ok("ended");
            }
        }

        for (way, ended) in [
            ("end", Some("ended")),
            ("return", Some("returned")),
            ("?", None),
            ("break", Some("broke")),
            ("continue", Some("ended")),
            ("panic", None),
        ] {
            let (start, trace) = (Instant::now(), Trace::new());
            let left = tokio::spawn(leave(way, trace.clone())).await;
            assert_eq!(left.is_err(), way == "panic", "{way}");
            assert_eq!(left.ok().and_then(Result::ok), ended, "{way}");
            let blocks = if way == "continue" { 2 } else { 1 };
            assert_eq!(start.elapsed(), seconds(9) * blocks, "{way}");
            assert_eq!(trace.events().len(), blocks as usize, "{way}: {:?}", trace.events());
            assert!(trace.has("A ended"), "{way}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn that_fails_wins_over_what_the_exit_reports() {
        let losses = losses();
        let block = async_with!(shutdown(10) as shutdown => {
            shutdown.spawn("does not end after a failure", pending::<()>());
            Err::<(), _>("failed")
        });
        assert_eq!(block.unwrap(), Err("failed"));
        let lost = losses.of("does not end after a failure");
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(lost[0].outcome, Outcome::Failed);
    }

    #[tokio::test(start_paused = true)]
    async fn that_succeeds_does_not_hide_what_the_exit_reports() {
        async fn serve() -> anyhow::Result<()> {
            async_with!(shutdown(10) as shutdown => {
                shutdown.spawn("mailer", pending::<()>());
                return Ok(());
            })?;
            Ok(())
        }

        let error = serve().await.unwrap_err();
        assert_eq!(names(&late::<()>(Err(error.downcast().unwrap()))), ["mailer"]);
    }
}

mod cancellation {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn in_the_body_gives_the_tasks_their_grace_time_detached() {
        let (trace, losses) = (Trace::new(), losses());
        let block = async {
            async_with!(shutdown(10) as shutdown => {
                shutdown.spawn("A", part("A", seconds(9), shutdown.clone(), trace.clone()));
                shutdown.spawn("does not end after a cut", pending::<()>());
                trace.step("body").await;
                pending::<()>().await;
            })
        };
        cut_at(block, &trace, "body").await;
        let start = Instant::now();
        settle().await;
        assert_eq!(start.elapsed(), seconds(10));
        assert_eq!(trace.events(), ["body", "A ended"]);
        let lost = losses.of("does not end after a cut");
        assert_eq!(lost.len(), 1, "{lost:?}");
        assert_eq!(lost[0].outcome, Outcome::Cancelled);
    }

    #[tokio::test(start_paused = true)]
    async fn in_the_exit_lets_it_run_on() {
        let trace = Trace::new();
        let block = async {
            async_with!(shutdown(10) as shutdown => {
                let (token, told) = (shutdown.token(), trace.clone());
                shutdown.spawn("A", part("A", seconds(9), shutdown.clone(), trace.clone()));
                shutdown.spawn("B", async move {
                    token.cancelled().await;
                    told.log("told");
                });
            })
        };
        cut_at(block, &trace, "told").await;
        settle().await;
        assert_eq!(trace.events(), ["told", "A ended"]);
    }
}

mod grace {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn of_zero_aborts_at_once() {
        let (start, trace) = (Instant::now(), Trace::new());
        let block = async_with!(shutdown(0) as shutdown => {
            shutdown.spawn("A", part("A", seconds(1), shutdown.clone(), trace.clone()));
            yield_now().await;
        });
        assert_eq!(names(&late(block)), ["A"]);
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(trace.events(), ["A dropped"]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_zero_is_no_trouble_without_tasks() {
        assert!(async_with!(shutdown(0) => {}).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_all_time_does_not_end() {
        let trace = Trace::new();
        let block = async_with!(Shutdown::new().grace(Duration::MAX) as shutdown => {
            shutdown.spawn("A", part("A", seconds(1_000_000), shutdown.clone(), trace.clone()));
        });
        assert!(block.is_ok());
        assert_eq!(trace.events(), ["A ended"]);
    }
}

mod errors {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn say_what_did_not_end() {
        async fn with(tasks: usize, body: bool) -> String {
            let block = async_with!(shutdown(10) as shutdown => {
                for number in 1..=tasks {
                    shutdown.spawn(format!("task {number}"), pending::<()>());
                }
                shutdown.token().cancel();
                if body {
                    pending::<()>().await;
                }
            });
            late(block).to_string().replace("at the end of the grace time of 10s, ", "")
        }

        assert_eq!(with(1, false).await, "the task `task 1` had not ended and was aborted");
        assert_eq!(with(0, true).await, "the body had not ended and was aborted");
        let several = "the body, the task `task 1` and the task `task 2` had not ended and were aborted";
        assert_eq!(with(2, true).await, several);
        assert!(
            with(11, false).await.ends_with("`task 10` and one more task had not ended and were aborted")
        );
        assert!(
            with(5_000, true).await.ends_with("`task 10` and 4990 more tasks had not ended and were aborted")
        );
    }

    #[test]
    fn can_be_sent_and_shared() {
        fn check<T: Error + Send + Sync + 'static>() {}
        check::<ShutdownError>();
    }
}
