//! A throw-away PostgreSQL server: its files are in a temporary folder, it listens on a Unix socket there and nowhere else,
//! and both are gone when it is dropped. It needs the programs `initdb` and `postgres`.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to start or to stop. It takes far less than a second, unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, which may be down.
pub struct Cluster {
    server: Mutex<Option<Child>>,
    programs: PathBuf,
    account: Option<Account>,
    // Last: the server is stopped before its files are removed.
    folder: TempDir,
}

impl Cluster {
    /// Makes a new cluster and starts its server.
    pub fn start() -> io::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir()?;
        let account = Account::needed(folder.path())?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        if let Some(account) = &account {
            chown(folder.path(), Some(account.user), Some(account.group))?;
        }
        let cluster = Self { server: Mutex::new(None), programs, account, folder };
        let mut initdb = cluster.command("initdb", "initdb.log")?;
        initdb.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.arg("--pgdata").arg(cluster.data());
        if !initdb.status()?.success() {
            return Err(cluster.failed("initdb", "initdb.log"));
        }
        cluster.up()?;
        Ok(cluster)
    }

    /// Where its database of this name is.
    pub fn url(&self, database: impl Display) -> String {
        format!("postgres:///{database}?host={}&user=postgres", self.folder.path().display())
    }

    /// The path of its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// Starts the server, and waits until it accepts connections.
    pub fn up(&self) -> io::Result<()> {
        let mut postgres = self.command("postgres", "server.log")?;
        postgres.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        postgres.args(["-h", "", "-p", "5432", "-c", "fsync=off"]);
        let mut server = postgres.spawn()?;
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready(server.id()) {
            if server.try_wait()?.is_some() || Instant::now() > deadline {
                let _ = server.kill();
                server.wait()?;
                return Err(self.failed("postgres", "server.log"));
            }
            sleep(Duration::from_millis(10));
        }
        *self.server() = Some(server);
        Ok(())
    }

    /// Stops the server as an administrator does: sessions are ended and told so.
    pub fn down(&self) -> io::Result<()> {
        self.signal(Signal::INT)
    }

    /// Kills the server, as a crash does: nobody is told anything, and what was not on disk is lost.
    pub fn crash(&self) -> io::Result<()> {
        self.signal(Signal::QUIT)
    }

    /// Kills the server and those of its processes, none of which can do anything any more, not even clean up.
    pub fn kill(&self, processes: &[i32]) -> io::Result<()> {
        let Some(mut server) = self.server().take() else { return Ok(()) };
        server.kill()?;
        for process in processes.iter().copied().filter_map(Pid::from_raw) {
            // It may have ended because the server has.
            let _ = kill_process(process, Signal::KILL);
        }
        server.wait().map(drop)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(mut server) = self.server().take() else { return Ok(()) };
        kill_process(pid(&server), signal)?;
        let deadline = Instant::now() + PATIENCE;
        while server.try_wait()?.is_none() {
            if Instant::now() > deadline {
                kill_process(pid(&server), Signal::KILL)?;
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// The last line of its file of this process says so.
    fn is_ready(&self, server: u32) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines().map(str::trim);
        lines.next() == Some(&server.to_string()) && lines.next_back() == Some("ready")
    }

    fn server(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str, log: &str) -> io::Result<Command> {
        let log = File::options().create(true).append(true).open(self.folder.path().join(log))?;
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        // A Ctrl-C in the terminal is for the program that owns the server.
        command.process_group(0);
        if let Some(account) = &self.account {
            command.uid(account.user).gid(account.group);
        }
        Ok(command)
    }

    fn failed(&self, program: &str, log: &str) -> io::Error {
        let said = fs::read_to_string(self.folder.path().join(log)).unwrap_or_default();
        io::Error::other(format!("{program} failed:\n{said}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nothing in it is to be kept.
        let _ = self.signal(Signal::QUIT);
    }
}

fn pid(server: &Child) -> Pid {
    Pid::from_child(server)
}

/// Who runs the server, if it must not be the user who runs this.
struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// PostgreSQL refuses to run as root, so root lends it the account that its package has made.
    fn needed(folder: &Path) -> io::Result<Option<Self>> {
        if fs::metadata(folder)?.uid() != 0 {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd")?;
        let account = accounts.lines().find_map(|line| {
            let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
            Some(Self { user: fields.next()?.parse().ok()?, group: fields.next()?.parse().ok()? })
        });
        let account = account.ok_or_else(|| {
            io::Error::other("PostgreSQL does not run as root, and there is no account `postgres` to run it")
        })?;
        Ok(Some(account))
    }
}

/// The folder with `initdb` and `postgres`: one of `PATH`, or where Debian puts them.
fn programs() -> io::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let all = |folder: &PathBuf| ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file());
    folders.into_iter().find(all).ok_or_else(|| {
        let what =
            "PostgreSQL is not here: neither in PATH nor in /usr/lib/postgresql are `initdb` and `postgres`";
        io::Error::new(io::ErrorKind::NotFound, what)
    })
}
