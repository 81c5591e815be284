//! Child processes that are ended and reaped.

use std::error::Error;
use std::ffi::OsString;
use std::future::pending;
use std::time::Duration;
use std::{fmt, io};

use async_with_core::{AsyncContextManager, Outcome};
use tokio::io::{AsyncRead, copy, sink};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A child process that is asked to end, then killed, and reaped, on every way out of the block.
///
/// The value is the [`tokio::process::Child`]. A body that wants the child to end by itself awaits [`Child::wait`], which
/// also gives the status; a child that has ended is merely reaped. One that still runs at the end of the block, however the
/// body ended:
///
/// 1. finds its standard input closed, if that is a pipe which the body has left in place. For many programs that is the
///    end, and one that waits for more would otherwise wait on.
/// 2. is sent SIGTERM, on Unix.
/// 3. is killed after a [grace time](Self::grace), or at once where there is no SIGTERM.
/// 4. is waited for, so that no zombie is left. Meanwhile what it writes to pipes that the body has left in place is read and
///    thrown away, so that it does not hang there.
///
/// Only the child itself is signalled, not what it started in turn.
///
/// # Errors
///
/// [`ChildProcessError`]. How the child ended is not an error.
///
/// # Panics
///
/// Entering panics outside of a tokio runtime, and in one whose I/O is not enabled. So does the exit where time is not enabled.
///
/// # Cancel safety
///
/// Entering does not await. The exit runs to its end, detached if the future is dropped. If the runtime shuts down before
/// that, the child is killed with it ([`Command::kill_on_drop`]), but nobody reaps it: await [`settle`](crate::settle) first.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)] {
/// use async_with::async_with;
/// use async_with::managers::ChildProcess;
/// use tokio::process::Command;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let mut server = Command::new("sleep");
/// server.arg("1000");
/// async_with!(ChildProcess::new(server) as child => {
///     println!("it runs as {:?}", child.id());
/// })?;                                            // and is gone: it took the SIGTERM
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a context manager does nothing unless it is entered"]
pub struct ChildProcess {
    command: Command,
    grace: Duration,
}

impl ChildProcess {
    /// The child that `command` starts when the block is entered; a [`std::process::Command`] will do too.
    ///
    /// [`Command::kill_on_drop`] is set, as a last resort. The grace time is ten seconds, as that of `docker stop`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use std::process::Stdio;
    ///
    /// use async_with::{async_with, managers::ChildProcess};
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    /// use tokio::process::Command;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let mut cat = Command::new("cat");
    /// cat.stdin(Stdio::piped()).stdout(Stdio::piped());
    /// async_with!(ChildProcess::new(cat) as child => {
    ///     let (Some(stdin), Some(stdout)) = (&mut child.stdin, &mut child.stdout) else { unreachable!() };
    ///     stdin.write_all(b"meow").await?;
    ///     let mut answer = [0; 4];
    ///     stdout.read_exact(&mut answer).await?;
    ///     assert_eq!(&answer, b"meow");
    /// })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
    /// # }
    /// ```
    pub fn new(command: impl Into<Command>) -> Self {
        let mut command = command.into();
        command.kill_on_drop(true);
        Self { command, grace: Duration::from_secs(10) }
    }

    /// How long the child has to end by itself after it has been asked to.
    ///
    /// With [`Duration::ZERO`] it is killed without being asked. With [`Duration::MAX`] it is never killed, and the exit
    /// waits for as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// use std::time::Duration;
    ///
    /// use async_with::{async_with, managers::ChildProcess};
    /// use tokio::process::Command;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let mut stubborn = Command::new("sh");
    /// stubborn.args(["-c", "trap '' TERM; while :; do sleep 0.1; done"]);
    /// async_with!(ChildProcess::new(stubborn).grace(Duration::from_millis(50)) => {})?;
    /// # Ok::<_, async_with::managers::ChildProcessError>(()) }).unwrap();
    /// # }
    /// ```
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }
}

impl AsyncContextManager for ChildProcess {
    type Value = Child;
    type Error = ChildProcessError;

    async fn enter(&mut self) -> Result<Child, ChildProcessError> {
        self.command.spawn().map_err(|source| {
            let program = self.command.as_std().get_program().to_owned();
            ChildProcessError::Spawn { program, source }
        })
    }

    async fn exit(self, mut child: Child, _outcome: Outcome) -> Result<(), ChildProcessError> {
        // There as long as the child has not been reaped, so that its id cannot be that of another process.
        let Some(pid) = child.id() else { return Ok(()) };
        let cannot_wait = |source| ChildProcessError::Wait { pid, source };
        if child.try_wait().map_err(cannot_wait)?.is_some() {
            return Ok(());
        }
        drop(child.stdin.take());
        let output = (child.stdout.take(), child.stderr.take());
        let end = async {
            if cfg!(unix) && !self.grace.is_zero() {
                ask_to_end(pid);
                if let Ok(ended) = timeout(self.grace, child.wait()).await {
                    return ended.map_err(cannot_wait);
                }
            }
            child.start_kill().map_err(|source| ChildProcessError::Kill { pid, source })?;
            child.wait().await.map_err(cannot_wait)
        };
        let drained = async {
            tokio::join!(drain(output.0), drain(output.1));
            pending().await
        };
        tokio::select! {
            biased;
            ended = end => ended.map(drop),
            never = drained => never,
        }
    }
}

/// Sends SIGTERM to a child that has not been reaped.
#[cfg(unix)]
fn ask_to_end(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};

    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // What forbids this forbids the kill that follows, which reports it.
        let _ = kill_process(pid, Signal::TERM);
    }
}

#[cfg(not(unix))]
fn ask_to_end(_pid: u32) {}

async fn drain(output: Option<impl AsyncRead + Unpin>) {
    if let Some(mut output) = output {
        // One that cannot be read is not in anybody's way.
        let _ = copy(&mut output, &mut sink()).await;
    }
}

/// What a [`ChildProcess`] fails with.
///
/// # Examples
///
/// ```
/// use async_with::async_with;
/// use async_with::managers::{ChildProcess, ChildProcessError};
/// use tokio::process::Command;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let error = async_with!(ChildProcess::new(Command::new("no-such-program")) => {}).unwrap_err();
/// assert_eq!(error.to_string(), "cannot start `no-such-program`");
/// assert!(matches!(error, ChildProcessError::Spawn { source, .. } if source.kind() == std::io::ErrorKind::NotFound));
/// # });
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ChildProcessError {
    /// The program cannot be started.
    #[non_exhaustive]
    Spawn {
        /// As the command has it.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// The child cannot be killed: it runs as another user, say. It may still be running, and is reaped when it ends.
    #[non_exhaustive]
    Kill {
        /// Its process id.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// The child cannot be waited for: something else in this process has reaped it, or ignores SIGCHLD.
    #[non_exhaustive]
    Wait {
        /// Its process id.
        pid: u32,
        /// Why.
        source: io::Error,
    },
}

impl ChildProcessError {
    fn io_error(&self) -> &io::Error {
        let (Self::Spawn { source, .. } | Self::Kill { source, .. } | Self::Wait { source, .. }) = self;
        source
    }
}

impl fmt::Display for ChildProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn { program, .. } => write!(f, "cannot start `{}`", program.to_string_lossy()),
            Self::Kill { pid, .. } => write!(f, "cannot kill the child process {pid}"),
            Self::Wait { pid, .. } => write!(f, "cannot wait for the child process {pid}"),
        }
    }
}

impl Error for ChildProcessError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.io_error())
    }
}

impl From<ChildProcessError> for io::Error {
    fn from(error: ChildProcessError) -> Self {
        io::Error::new(error.io_error().kind(), error)
    }
}
