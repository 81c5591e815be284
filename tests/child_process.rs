//! A child process is asked to end, killed if it does not, and reaped, on every way out.

#![cfg(all(feature = "tokio", unix))]
#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::cell::Cell;
use std::env;
use std::error::Error as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use async_with::managers::{ChildProcess, ChildProcessError};
use async_with::{async_with, settle};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, WaitOptions, waitid, waitpid};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use crate::common::files::{FAILURES, SUCCESSES, cut_after, eventually, is_root, leave, run};
use crate::common::trace::{Trace, yield_once};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

/// A shell, whose pipes are ours, and which runs in a folder for what it leaves behind.
fn shell(script: &str, folder: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    shell
}

/// Says that it is ready, and ends with 7 when it is asked to, having written down each time.
const POLITE: &str = "trap 'echo asked >> log; exit 7' TERM; echo ready; while :; do sleep 0.01; done";
/// Says that it is ready, and does not listen.
const DEAF: &str = "trap '' TERM; echo ready; while :; do sleep 0.01; done";

async fn ready(child: &mut Child) {
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.as_mut().unwrap()).read_line(&mut line).await.unwrap();
    assert_eq!(line, "ready\n");
}

fn state(pid: u32) -> rustix::io::Result<Option<WaitIdStatus>> {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    // It looks, and reaps nothing.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
}

fn is_running(pid: u32) -> bool {
    matches!(state(pid), Ok(None))
}

fn is_zombie(pid: u32) -> bool {
    matches!(state(pid), Ok(Some(_)))
}

/// Neither running nor a zombie: this process has no such child.
fn is_reaped(pid: u32) -> bool {
    matches!(state(pid), Err(Errno::CHILD))
}

fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

async fn serve(manager: ChildProcess, way: &'static str, trace: Trace) -> Result {
    let mut manager = Some(manager);
    while let Some(manager) = manager.take() {
        async_with!(manager as child => {
            ready(child).await;
            trace.log(child.id().unwrap().to_string());
            match way {
                "returned" => return Ok(()),
                "broke" => break,
                "continued" => continue,
                way => leave(way, &trace).await?,
            }
        })?;
    }
    Ok(())
}

fn pid(trace: &Trace) -> u32 {
    trace.events()[0].parse().unwrap()
}

// Ways out.

#[tokio::test]
async fn it_is_asked_once_and_reaped_on_every_way_out() {
    for way in SUCCESSES.into_iter().chain(FAILURES) {
        let (folder, trace) = (tempfile::tempdir().unwrap(), Trace::new());
        let manager = ChildProcess::new(shell(POLITE, folder.path())).grace(LONG);
        let ended = run(way, &trace, serve(manager, way, trace.clone())).await;
        assert_eq!(matches!(ended, Ok(Ok(()))), SUCCESSES.contains(&way), "{way}: {ended:?}");
        assert!(is_reaped(pid(&trace)), "{way}");
        assert_eq!(log(folder.path()), "asked\n", "{way}");
    }
}

// The clock is paused, so that it jumps to the end of the grace time as soon as nothing else happens.
#[tokio::test(start_paused = true)]
async fn one_that_does_not_listen_is_killed_after_the_grace_time_on_every_way_out() {
    for way in SUCCESSES.into_iter().chain(FAILURES) {
        let (folder, trace) = (tempfile::tempdir().unwrap(), Trace::new());
        let manager = ChildProcess::new(shell(DEAF, folder.path())).grace(LONG);
        let start = tokio::time::Instant::now();
        let _ = run(way, &trace, serve(manager, way, trace.clone())).await;
        assert!(is_reaped(pid(&trace)), "{way}");
        assert!(start.elapsed() >= LONG, "{way}: not before");
    }
}

#[tokio::test]
async fn dropped_at_every_poll_it_is_reaped() {
    for polls in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let (pid, entered) = (Cell::new(0), Cell::new(false));
        let whole = cut_after(polls, async {
            async_with!(ChildProcess::new(shell(POLITE, folder.path())).grace(LONG) as child => {
                entered.set(true);
                pid.set(child.id().unwrap());
                ready(child).await;
                yield_once().await;
            })
        })
        .await;
        settle().await;
        assert!(entered.get(), "enter does not await");
        assert!(is_reaped(pid.get()), "dropped after {polls} polls");
        if let Some(ended) = whole {
            ended.unwrap();
            assert!(polls > 2);
            break;
        }
    }
}

#[test]
fn if_its_runtime_shuts_down_it_is_killed() {
    let (folder, trace) = (tempfile::tempdir().unwrap(), Trace::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.spawn(serve(ChildProcess::new(shell(DEAF, folder.path())), "cancelled", trace.clone()));
    runtime.block_on(trace.reached("in the body"));
    drop(runtime);
    // A runtime of another test may have reaped it.
    eventually("it has ended", || !is_running(pid(&trace)));
}

// How it ends.

#[tokio::test]
async fn one_that_has_ended_is_merely_reaped() {
    let folder = tempfile::tempdir().unwrap();
    let manager = || ChildProcess::new(shell("exit 3", folder.path())).grace(LONG);
    let mut pids = Vec::new();
    async_with!(manager() as waited_for => {
        pids.extend(waited_for.id());
        assert_eq!(waited_for.wait().await.unwrap().code(), Some(3));
    })
    .unwrap();
    async_with!(manager() as left_alone => {
        pids.extend(left_alone.id());
        eventually("it has ended", || is_zombie(pids[1]));
    })
    .unwrap();
    assert_eq!(pids.len(), 2);
    assert!(pids.into_iter().all(is_reaped));
}

#[tokio::test]
async fn one_that_waits_for_input_finds_it_closed() {
    let folder = tempfile::tempdir().unwrap();
    // It would not end otherwise: it ignores the signal.
    let script = "trap '' TERM; echo ready; cat > log; echo the end >> log";
    async_with!(ChildProcess::new(shell(script, folder.path())).grace(LONG) as child => {
        ready(child).await;
        child.stdin.as_mut().unwrap().write_all(b"input\n").await.unwrap();
    })
    .unwrap();
    assert_eq!(log(folder.path()), "input\nthe end\n");
}

#[tokio::test]
async fn one_that_writes_more_than_anybody_reads_ends_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap 'head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; echo done > log; exit' TERM; \
                  echo ready; while :; do sleep 0.01; done";
    let mut command = shell(script, folder.path());
    command.stderr(Stdio::piped());
    async_with!(ChildProcess::new(command).grace(LONG) as child => { ready(child).await }).unwrap();
    assert_eq!(log(folder.path()), "done\n");
}

#[tokio::test]
async fn a_pipe_that_a_grandchild_keeps_open_does_not_hold_the_exit_up() {
    let folder = tempfile::tempdir().unwrap();
    let script = "sleep 1000 & echo $! > log; echo ready; exec sleep 1000";
    async_with!(ChildProcess::new(shell(script, folder.path())).grace(LONG) as child => { ready(child).await })
        .unwrap();
    let grandchild = Pid::from_raw(log(folder.path()).trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(grandchild, rustix::process::Signal::KILL)
        .expect("only the child is ended");
}

#[tokio::test]
async fn without_grace_it_is_killed_and_not_asked() {
    let (folder, trace) = (tempfile::tempdir().unwrap(), Trace::new());
    let manager = ChildProcess::new(shell(POLITE, folder.path())).grace(Duration::ZERO);
    serve(manager, "completed", trace.clone()).await.unwrap();
    assert!(is_reaped(pid(&trace)));
    assert_eq!(log(folder.path()), "");
}

#[tokio::test]
async fn a_grace_time_for_ever_is_no_overflow() {
    let (folder, trace) = (tempfile::tempdir().unwrap(), Trace::new());
    let manager = ChildProcess::new(shell(POLITE, folder.path())).grace(Duration::MAX);
    serve(manager, "completed", trace.clone()).await.unwrap();
    assert!(is_reaped(pid(&trace)));
    assert_eq!(log(folder.path()), "asked\n");
}

#[tokio::test(start_paused = true)]
async fn the_grace_time_is_ten_seconds_unless_said_otherwise() {
    let (folder, trace) = (tempfile::tempdir().unwrap(), Trace::new());
    let start = tokio::time::Instant::now();
    serve(ChildProcess::new(shell(DEAF, folder.path())), "completed", trace).await.unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert!((10.0..11.0).contains(&seconds), "{seconds}");
}

// Errors.

#[tokio::test]
async fn a_program_that_does_not_exist_is_an_error_of_enter() {
    let error = async_with!(ChildProcess::new(Command::new("/no/such/program")) => {}).unwrap_err();
    let ChildProcessError::Spawn { program, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!((program.to_str(), source.kind()), (Some("/no/such/program"), ErrorKind::NotFound));
    assert_eq!(error.to_string(), "cannot start `/no/such/program`");
    assert!(error.source().is_some());
    let error = io::Error::from(error);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.get_ref().unwrap().is::<ChildProcessError>());
}

#[tokio::test]
async fn a_program_that_may_not_be_run_and_a_folder_that_does_not_exist_are_errors_of_enter() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no program").unwrap();
    let manager = ChildProcess::new(std::process::Command::new(&file));
    let error = io::Error::from(async_with!(manager => {}).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);

    let elsewhere = shell("true", &folder.path().join("no/such/folder"));
    let error = async_with!(ChildProcess::new(elsewhere) => {}).unwrap_err();
    assert!(matches!(error, ChildProcessError::Spawn { .. }), "{error:?}");
}

#[tokio::test]
async fn one_that_somebody_else_has_reaped_is_an_error_and_not_signalled() {
    let folder = tempfile::tempdir().unwrap();
    let mut id = None;
    let error = async_with!(ChildProcess::new(shell("exit", folder.path())).grace(LONG) as child => {
        id = child.id();
        let pid = Pid::from_raw(id.unwrap().try_into().unwrap());
        tokio::task::spawn_blocking(move || waitpid(pid, WaitOptions::empty()).unwrap()).await.unwrap();
    })
    .unwrap_err();
    let ChildProcessError::Wait { pid, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!((Some(*pid), source.raw_os_error()), (id, Some(Errno::CHILD.raw_os_error())));
    assert_eq!(error.to_string(), format!("cannot wait for the child process {pid}"));
}

const WITHOUT_RIGHT: &str = "ASYNC_WITH_TEST_WITHOUT_RIGHT";

// As a child that became another user.
#[tokio::test]
async fn one_that_may_not_be_killed_has_its_grace_time_and_is_reaped_whenever_it_ends() {
    if env::var_os(WITHOUT_RIGHT).is_none() {
        return without_the_right_to_kill(
            "one_that_may_not_be_killed_has_its_grace_time_and_is_reaped_whenever_it_ends",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let as_nobody = |script| {
        let mut command = shell(script, folder.path());
        command.uid(65534);
        ChildProcess::new(command)
    };

    async_with!(as_nobody("echo ready; cat; echo the end > log").grace(LONG) as child => { ready(child).await })
        .expect("it ended when its input was closed");
    assert_eq!(log(folder.path()), "the end\n");

    let goes_on = as_nobody("echo ready; until [ -e end ]; do sleep 0.01; done");
    let error = async_with!(goes_on.grace(Duration::from_millis(10)) as child => { ready(child).await });
    let error = error.unwrap_err();
    let ChildProcessError::Kill { pid, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.to_string(), format!("cannot kill the child process {pid}"));
    assert!(is_running(*pid));
    fs::write(folder.path().join("end"), "").unwrap();
    // tokio reaps it, which takes this thread.
    while !is_reaped(*pid) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Root may kill everybody: runs a test once more as a root that may not, or says that it cannot.
fn without_the_right_to_kill(test: &str) {
    if !is_root() {
        eprintln!("SKIPPED, for only root can start what it may not signal");
        return;
    }
    let program = env::current_exe().unwrap();
    let mut command = std::process::Command::new("setpriv");
    command.arg("--bounding-set=-kill").arg(program).args([test, "--exact"]).env(WITHOUT_RIGHT, "");
    match command.output() {
        Ok(output) if output.stdout.is_empty() => eprintln!("SKIPPED, for `setpriv` failed: {output:?}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
        Err(error) => eprintln!("SKIPPED, for there is no `setpriv`: {error}"),
    }
}

#[tokio::test]
async fn a_child_per_block_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let mut pids = Vec::new();
    async_with!(
        ChildProcess::new(shell(POLITE, folder.path())).grace(LONG) as one,
        ChildProcess::new(shell(POLITE, folder.path())).grace(LONG) as two => {
            ready(one).await;
            ready(two).await;
            pids.extend([one.id().unwrap(), two.id().unwrap()]);
        }
    )
    .unwrap();
    assert!(pids.into_iter().all(is_reaped));
    assert_eq!(log(folder.path()), "asked\nasked\n");
}
