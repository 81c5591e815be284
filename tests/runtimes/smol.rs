//! smol: its global executor, executors of one's own, and its timers, sockets, files and channels, which have threads of their own
//! and so serve a detached exit as well.

use std::time::Duration;

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, LocalExecutor, Timer, channel};

use crate::common::trace::{Gate, Trace, Traced, cut_at, losses};
use crate::{NEST_EXITED, On, in_time, nest};

pub fn block_on<F: Future>(future: F) -> F::Output {
    smol::block_on(in_time(future))
}

async fn wait() {
    Timer::after(Duration::from_millis(1)).await;
}

const BLOCK_ON: crate::Executor = crate::Executor {
    exits_on_the_thread: true,
    block_on: |future| block_on(future),
    wait: || Box::pin(wait()),
    wait_here: || Box::pin(wait()),
};

mod alone {
    crate::everywhere::on!(super::BLOCK_ON);
}

/// A `LocalExecutor` that has other tasks too.
const LOCAL: crate::Executor = crate::Executor {
    block_on: |future| {
        let executor = LocalExecutor::new();
        executor.spawn(nest(BLOCK_ON, Trace::new())).detach();
        block_on(executor.run(future));
    },
    // Work on the threads for what blocks.
    wait: || Box::pin(smol::unblock(|| ())),
    ..BLOCK_ON
};

mod local_executor {
    crate::everywhere::on!(super::LOCAL);
}

// Tasks and executors that end.

#[test]
fn a_cancelled_task_is_exited() {
    block_on(async {
        let trace = Trace::new();
        let task = smol::spawn(nest(BLOCK_ON, trace.clone()));
        trace.reached("body").await;
        assert!(task.cancel().await.is_none());
        settle().await;
        assert_eq!(trace.events()[7..], NEST_EXITED);
    });
}

#[test]
fn a_task_whose_handle_is_dropped_is_exited() {
    block_on(async {
        let trace = Trace::new();
        let task = smol::spawn(nest(BLOCK_ON, trace.clone()));
        trace.reached("body").await;
        drop(task);
        // It ends when a thread of smol comes to it.
        trace.reached("exited A").await;
        assert_eq!(trace.events()[7..], NEST_EXITED);
    });
}

#[test]
fn a_block_that_loses_a_race_is_exited() {
    block_on(async {
        let trace = Trace::new();
        let late = async {
            trace.reached("body").await;
            Timer::after(Duration::from_millis(1)).await;
            Err("late")
        };
        assert_eq!(smol::future::or(nest(BLOCK_ON, trace.clone()), late).await, Err("late"));
        settle().await;
        assert_eq!(trace.events()[7..], NEST_EXITED);
    });
}

#[test]
fn the_tasks_of_an_executor_that_is_dropped_are_exited() {
    let traces = [Trace::new(), Trace::new()];
    let executor = Executor::new();
    for trace in &traces {
        executor.spawn(nest(BLOCK_ON, trace.clone())).detach();
    }
    block_on(executor.run(async {
        for trace in &traces {
            trace.reached("body").await;
        }
    }));
    drop(executor);
    block_on(settle());
    for trace in &traces {
        assert_eq!(trace.events()[7..], NEST_EXITED);
    }
}

#[test]
fn the_tasks_of_a_local_executor_that_is_dropped_are_exited_or_abandoned() {
    let (trace, local) = (Trace::new(), Trace::new());
    let executor = LocalExecutor::new();
    executor.spawn(nest(BLOCK_ON, trace.clone())).detach();
    executor
        .spawn({
            let trace = local.clone();
            async move {
                async_with!(On::new(BLOCK_ON, "A", &trace).local() => {
                    trace.step("body").await;
                    trace.reached("never").await;
                })
            }
        })
        .detach();
    block_on(executor.run(async {
        trace.reached("body").await;
        local.reached("body").await;
    }));
    drop(executor);
    assert_eq!(local.events().last().unwrap(), "abandon A");
    block_on(settle());
    assert_eq!(trace.events()[7..], NEST_EXITED);
}

#[test]
fn an_exit_waits_for_the_detached_exits_of_an_executor_that_its_body_drives() {
    block_on(async {
        let (trace, gate) = (Trace::new(), Gate::new());
        let executor = LocalExecutor::new();
        let task = executor.spawn({
            let (trace, gate) = (trace.clone(), gate.clone());
            async move {
                async_with!(Traced::new("B", &trace).exit_waits(&gate) => {
                    trace.step("body").await;
                    trace.reached("never").await;
                })
            }
        });
        let block = async {
            async_with!(Traced::new("A", &trace) => {
                executor.run(async {
                    trace.reached("body").await;
                    task.cancel().await;
                }).await;
                trace.log("driven");
            })
        };
        let opener = async {
            trace.reached("driven").await;
            Timer::after(Duration::from_millis(1)).await;
            gate.open();
        };
        futures::join!(block, opener).0.unwrap();
        assert_eq!(trace.events().last_chunk().unwrap(), &["exited B", "exit A: completed", "exited A"]);
    });
}

// Detached exits that use smol.

/// A session with a server that has to hear the end of it.
struct Session(std::net::SocketAddr);

impl AsyncContextManager for Session {
    type Value = TcpStream;
    type Error = std::io::Error;

    async fn enter(&mut self) -> Result<TcpStream, std::io::Error> {
        TcpStream::connect(self.0).await
    }

    async fn exit(self, mut stream: TcpStream, outcome: Outcome) -> Result<(), std::io::Error> {
        stream.write_all(format!("bye: {outcome}").as_bytes()).await?;
        stream.close().await?;
        // The server's answer.
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        assert_eq!(answer, "bye");
        Ok(())
    }
}

async fn session(address: std::net::SocketAddr, trace: &Trace) -> std::io::Result<()> {
    async_with!(Session(address) as stream => {
        stream.write_all(b"hello, ").await?;
        trace.log("body");
        // The server says nothing yet.
        stream.read_exact(&mut [0]).await
    })?
}

#[test]
fn a_detached_exit_may_use_sockets() {
    let losses = losses();
    block_on(async {
        let trace = Trace::new();
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let serving = smol::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut heard = String::new();
            stream.read_to_string(&mut heard).await.unwrap();
            stream.write_all(b"bye").await.unwrap();
            heard
        });
        cut_at(session(address, &trace), &trace, "body").await;
        assert_eq!(serving.await, "hello, bye: cancelled");
        settle().await;
        assert!(losses.over("::Session").is_empty(), "{:?}", losses.over("::Session"));
    });
}

/// A file that has to say how its block ended.
struct Journal(std::path::PathBuf);

impl AsyncContextManager for Journal {
    type Value = smol::fs::File;
    type Error = std::io::Error;

    async fn enter(&mut self) -> Result<smol::fs::File, std::io::Error> {
        smol::fs::File::create(&self.0).await
    }

    async fn exit(self, mut file: smol::fs::File, outcome: Outcome) -> Result<(), std::io::Error> {
        file.write_all(format!("{outcome}\n").as_bytes()).await?;
        file.sync_all().await
    }
}

async fn journal(path: &std::path::Path, trace: &Trace) -> std::io::Result<()> {
    async_with!(Journal(path.to_owned()) as file => {
        file.write_all(b"line\n").await?;
        trace.step("body").await;
    })
}

#[test]
fn a_detached_exit_may_use_files() {
    block_on(async {
        let (trace, folder) = (Trace::new(), tempfile::tempdir().unwrap());
        let path = folder.path().join("journal");
        cut_at(journal(&path, &trace), &trace, "body").await;
        settle().await;
        assert_eq!(smol::fs::read_to_string(path).await.unwrap(), "line\ncancelled\n");
    });
}

/// Its exit asks a task and waits for the answer.
struct Asks(channel::Sender<channel::Sender<()>>, Trace);

impl AsyncContextManager for Asks {
    type Value = ();
    type Error = channel::RecvError;

    async fn enter(&mut self) -> Result<(), channel::RecvError> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), channel::RecvError> {
        let (sender, answer) = channel::bounded(1);
        self.0.send(sender).await.expect("the task listens");
        self.1.log(format!("asked: {outcome}"));
        answer.recv().await?;
        self.1.log("answered");
        Ok(())
    }
}

#[test]
fn a_detached_exit_that_asks_a_task_needs_the_executor_of_that_task() {
    let trace = Trace::new();
    let executor = LocalExecutor::new();
    let (sender, questions) = channel::bounded::<channel::Sender<()>>(1);
    executor
        .spawn(async move {
            while let Ok(answer) = questions.recv().await {
                answer.send(()).await.unwrap();
            }
        })
        .detach();
    block_on(executor.run(async {
        let block = async { async_with!(Asks(sender, trace.clone()) => { trace.step("body").await; }) };
        cut_at(block, &trace, "body").await;
    }));
    block_on(async {
        trace.reached("asked: cancelled").await;
        let late = async {
            Timer::after(Duration::from_millis(5)).await;
            trace.log("not settled");
        };
        smol::future::or(settle(), late).await;
    });
    assert_eq!(trace.events(), ["body", "asked: cancelled", "not settled"]);
    block_on(executor.run(settle()));
    assert_eq!(trace.events().last().unwrap(), "answered");
}
