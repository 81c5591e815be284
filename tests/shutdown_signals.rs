//! The manager `Shutdown`, told to end by signals.
//!
//! They are the process's, and no longer end it once somebody has listened for them: so these tests are in a process of their
//! own, one after the other, and none may hang.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![cfg(unix)]

use std::future::pending;
use std::time::Duration;

use async_with::async_with;
use async_with::managers::{Shutdown, ShutdownError};
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Runs a test alone, and not for ever.
async fn alone(test: impl Future<Output = ()>) {
    let _alone = ONE_AT_A_TIME.lock().await;
    timeout(Duration::from_secs(60), test).await.expect("the signals are noticed");
}

fn send(signal: Signal) {
    kill_process(getpid(), signal).unwrap();
}

/// Whether the body was late, and the names of the tasks that were.
fn late<T>(block: Result<T, ShutdownError>) -> (bool, Vec<String>) {
    match block.map(drop) {
        Err(ShutdownError::NotEnded(late)) => (late.body(), late.tasks().map(str::to_owned).collect()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_begins_the_shutdown() {
    alone(async {
        for signal in [Signal::TERM, Signal::INT] {
            let (ended, has_ended) = oneshot::channel();
            let block = async_with!(Shutdown::new().grace(Duration::MAX).on_signals() as shutdown => {
                let token = shutdown.token();
                shutdown.spawn("A", async move {
                    token.cancelled().await;
                    ended.send(()).unwrap();
                });
                send(signal);
                shutdown.token().cancelled().await;
                "served"
            });
            assert_eq!(block.unwrap(), "served");
            has_ended.await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_second_one_ends_the_grace_time() {
    alone(async {
        let (ended, has_ended) = oneshot::channel::<()>();
        let block = async_with!(Shutdown::new().grace(Duration::MAX).on_signals() as shutdown => {
            shutdown.spawn("A", async move {
                pending::<()>().await;
                drop(ended);
            });
            send(Signal::TERM);
            shutdown.token().cancelled().await;
            send(Signal::TERM);
            pending::<()>().await;
        });
        assert_eq!(late(block), (true, vec!["A".to_owned()]));
        assert!(has_ended.await.is_err(), "the task is gone");
    })
    .await;
}

#[tokio::test]
async fn a_second_one_ends_the_grace_time_also_in_the_exit() {
    alone(async {
        let block = async_with!(Shutdown::new().grace(Duration::MAX).on_signals() as shutdown => {
            let token = shutdown.token();
            shutdown.spawn("A", async move {
                token.cancelled().await;
                send(Signal::INT);
                pending::<()>().await;
            });
            send(Signal::TERM);
            shutdown.token().cancelled().await;
        });
        assert_eq!(late(block), (false, vec!["A".to_owned()]));
    })
    .await;
}
