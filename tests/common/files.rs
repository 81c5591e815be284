//! What the tests of files and processes share: ways out, cuts, and surroundings in which things fail.

use std::env;
use std::fs;
use std::future::{pending, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Command;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use super::trace::Trace;
use async_with::settle;
use tokio::task::JoinError;

/// The ways out of a block after which its outcome is a success, and the others.
pub const SUCCESSES: [&str; 4] = ["completed", "returned", "broke", "continued"];
pub const FAILURES: [&str; 3] = ["failed", "panicked", "cancelled"];

/// Takes those ways out that need no jump in the body itself; the last one is to wait for being dropped.
pub async fn leave(way: &str, trace: &Trace) -> Result<(), &'static str> {
    match way {
        "failed" => return Err("the body failed"),
        "panicked" => panic!("a body that panics"),
        "cancelled" => {
            trace.log("in the body");
            pending::<()>().await;
        }
        way => assert_eq!(way, "completed"),
    }
    Ok(())
}

/// Runs a block that is left by `way`, and waits until all of its exits have ended.
pub async fn run<T: Send + 'static>(
    way: &str,
    trace: &Trace,
    block: impl Future<Output = T> + Send + 'static,
) -> Result<T, JoinError> {
    let task = tokio::spawn(block);
    if way == "cancelled" {
        trace.reached("in the body").await;
        task.abort();
    }
    let ended = task.await;
    settle().await;
    ended
}

/// Polls `future` so many times, and drops it where it then is; gives what it came to if it had ended.
pub async fn cut_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Does that to a block in a runtime of its own, and waits for all that goes on without it: its exits, and work that blocks,
/// which ends with the runtime.
pub fn cut_after_and_settle<F: Future>(polls: usize, block: F) -> Option<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let ended = cut_after(polls, block).await;
        settle().await;
        ended
    })
}

/// Waits for something that no event tells of.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(30), "not after half a minute: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// The names in a folder, in order.
pub fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

/// Runs a test of this program once more in another process.
pub fn again(program: &Path, test: &str) -> Command {
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture"]);
    command
}

#[cfg(unix)]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Root may do everything, so that a test of what is forbidden tests nothing: runs it once more as nobody, and says so.
#[cfg(unix)]
pub fn ran_as_nobody(test: &str) -> bool {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    const NOBODY: u32 = 65534;

    if !is_root() {
        return false;
    }
    // Neither this program nor the usual folder for temporary files has to be within reach of nobody.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let program = folder.path().join("tests");
    // By another process: what this one has open for writing, its other children have too for a moment, and nobody could run it.
    let copied = Command::new("cp").args([&env::current_exe().unwrap(), &program]).status().unwrap();
    assert!(copied.success());
    let mut command = again(&program, test);
    command.env("TMPDIR", folder.path()).current_dir(&folder).uid(NOBODY).gid(NOBODY);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{test} is the name of no test: {said}");
    true
}

/// A file system of its own.
#[cfg(unix)]
pub struct Disk(PathBuf, tempfile::TempDir);

#[cfg(unix)]
impl Disk {
    /// `None`, and a word about it, where it cannot be mounted.
    pub fn mount(options: &str) -> Option<Self> {
        let point = tempfile::tempdir().unwrap();
        let path = point.path().to_owned();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "async-with-test"]).arg(&path);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(path, point)),
            failed => {
                eprintln!("SKIPPED, for a file system cannot be mounted here: {failed:?}");
                None
            }
        }
    }

    pub fn remount(&self, options: &str) {
        let mut mount = Command::new("mount");
        assert!(mount.args(["-o", &format!("remount,{options}")]).arg(&self.0).status().unwrap().success());
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(unix)]
impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: nothing else may keep it from going.
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}
