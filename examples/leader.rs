//! Several processes elect one leader, which does periodic work. Kill it, and another takes over.
//!
//! ```text
//! cargo run --example leader
//! ```
//!
//! starts a PostgreSQL server of its own in a temporary folder, and three processes of this program that compete; it
//! kills two leaders, says who leads when, and ends by itself. With a server that runs already, start as many as you like, in
//! as many terminals:
//!
//! ```text
//! cargo run --example leader -- --database-url postgres://localhost/postgres --name a
//! ```
//!
//! What it shows: [`lead`] is an ordinary loop in a block over an [`AdvisoryLock`]. Whoever is in the block leads. When the
//! session of the lock is lost, the loop is interrupted; when its process dies, the server frees the lock and another process
//! enters. The fencing token keeps a leader that does not know yet that it is none any more from doing harm.

#[cfg(unix)]
#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/common/postgres.rs"]
mod postgres;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use async_with::async_with;
use async_with::managers::{AdvisoryLock, AdvisoryLockError, HeldLock};
use clap::Parser;
use sqlx::PgPool;
use tokio::time::sleep;
#[cfg(unix)]
use {
    std::process::Stdio,
    std::time::Instant,
    tokio::io::{AsyncBufReadExt, BufReader, Lines},
    tokio::process::{Child, ChildStdout, Command},
};

/// The key that the processes have agreed upon.
const LEADER: i64 = 0x1ead;

/// Takes part in the election of a leader; without a database, shows one.
#[derive(Parser)]
struct Args {
    /// The database that the processes share.
    #[arg(long)]
    database_url: Option<String>,
    /// What this process is called.
    #[arg(long, default_value_t = std::process::id().to_string())]
    name: String,
    /// After how many turns a leader steps down. By default it leads until it is stopped.
    #[arg(long)]
    turns: Option<u32>,
    /// How long a turn takes, in milliseconds.
    #[arg(long, default_value_t = 500)]
    every: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let done = if let Some(url) = &args.database_url {
        take_part(url, &args).await
    } else {
        tokio::select! {
            shown = show() => shown,
            // The server is stopped and removed as `show` is dropped.
            stopped = tokio::signal::ctrl_c() => stopped.map_err(Into::into),
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Waits to be the leader, over and over, until Ctrl-C.
async fn take_part(url: &str, args: &Args) -> Result<(), Box<dyn Error>> {
    let pool = PgPool::connect(url).await?;
    tokio::select! {
        led = campaign(&pool, args) => led?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    // After a Ctrl-C the lock is given back detached.
    async_with::settle().await;
    println!("{} steps down", args.name);
    Ok(())
}

async fn campaign(pool: &PgPool, args: &Args) -> Result<(), Box<dyn Error>> {
    loop {
        match lead(pool, args).await {
            Err(error) if error.is::<AdvisoryLockError>() => {
                println!("{} does not lead: {error}", args.name);
                sleep(Duration::from_secs(1)).await;
            }
            led => return led,
        }
    }
}

/// Leads, once it is this process' turn. This is what the example is about.
async fn lead(pool: &PgPool, args: &Args) -> Result<(), Box<dyn Error>> {
    async_with!(AdvisoryLock::new(pool, LEADER).heartbeat(Duration::from_secs(1)) as lock, {
        println!("{} leads, with token {}", args.name, lock.token());
        for turn in 1.. {
            if args.turns.is_some_and(|turns| turn > turns) {
                return Ok(()); // the lock is given back first
            }
            if !work(pool, &args.name, lock).await? {
                return Err("a later leader has done this work already".into());
            }
            println!("{} has done turn {turn}", args.name);
            sleep(Duration::from_millis(args.every)).await;
        }
    })?; // the lock could not be had, or was lost
    Ok(())
}

/// Does one turn of the work, unless the storage has seen a later leader.
async fn work(pool: &PgPool, name: &str, lock: &HeldLock) -> Result<bool, sqlx::Error> {
    // Only the leader does this, so no two do it at once.
    sqlx::query("CREATE TABLE IF NOT EXISTS turn (token bigint NOT NULL, leader text NOT NULL)")
        .execute(pool)
        .await?;
    let insert = "INSERT INTO turn SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM turn WHERE token > $1)";
    let inserted = sqlx::query(insert).bind(lock.token()).bind(name).execute(pool).await?;
    Ok(inserted.rows_affected() == 1)
}

#[cfg(not(unix))]
async fn show() -> Result<(), Box<dyn Error>> {
    Err("starting a server is only done on Unix: give --database-url".into())
}

/// Three processes and two murders.
#[cfg(unix)]
async fn show() -> Result<(), Box<dyn Error>> {
    let server = postgres::Cluster::start().map_err(|error| {
        format!("{error}\nInstall PostgreSQL, or give --database-url of a server that runs.")
    })?;
    let url = server.url("postgres");
    let pool = PgPool::connect(&url).await?;
    let start = Instant::now();
    let say = |line: &str| println!("{:5.1} s  {line}", start.elapsed().as_secs_f64());

    let mut first = Process::start("a", &url, None)?;
    say(&first.line().await?);
    // One after the other, so that the queue is in the order of the alphabet.
    let mut second = Process::start("b", &url, None)?;
    waiting(&pool, 1).await?;
    let mut third = Process::start("c", &url, Some(2))?;
    waiting(&pool, 2).await?;
    say("b and c wait");
    for leader in [&mut first, &mut second] {
        while !leader.last.ends_with("turn 2") {
            let line = leader.line().await?;
            say(&line);
        }
        leader.child.kill().await?;
        say(&format!("{} is killed", leader.name));
    }
    while let Some(line) = third.lines.next_line().await? {
        say(&line);
    }
    third.child.wait().await?;

    let done = "SELECT leader, token, count(*) FROM turn GROUP BY leader, token ORDER BY token";
    let done: Vec<(String, i64, i64)> = sqlx::query_as(done).fetch_all(&pool).await?;
    pool.close().await;
    let leaders: Vec<_> = done.iter().map(|(leader, ..)| leader.as_str()).collect();
    println!("in the order of their tokens, the work was done by {}", leaders.join(", "));
    Ok(())
}

/// Waits until so many processes wait for the lock.
#[cfg(unix)]
async fn waiting(pool: &PgPool, processes: i64) -> Result<(), sqlx::Error> {
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await? < processes {
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// A process of this program, killed when it is dropped.
#[cfg(unix)]
struct Process {
    name: &'static str,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    last: String,
}

#[cfg(unix)]
impl Process {
    fn start(name: &'static str, url: &str, turns: Option<u32>) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--name", name, "--database-url", url]);
        command.args(turns.map(|turns| format!("--turns={turns}")));
        let mut child = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().ok_or("the process has no output")?;
        Ok(Self { name, child, lines: BufReader::new(stdout).lines(), last: String::new() })
    }

    async fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let line = self.lines.next_line().await?;
        self.last = line.ok_or_else(|| format!("the process {} has ended", self.name))?;
        Ok(self.last.clone())
    }
}
