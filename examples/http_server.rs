//! A web server that drops no request when it is told to end.
//!
//! What it shows: the server runs in one `async_with!` block over [`Shutdown`], in [`serve`]. SIGTERM or Ctrl-C begins the
//! shutdown: the server takes no more connections, answers each request that it has begun, and finishes the work that goes
//! on after the answers. What does not end within the grace time is aborted and named.
//!
//! ```text
//! cargo run --example http_server                              # tries it: a server, clients, and a SIGTERM
//! cargo run --example http_server -- --serve 127.0.0.1:8080    # for trying it by hand
//! ```
//!
//! Without arguments, the program starts itself once more as the server. Each client sends some quick requests, one after the
//! other, and then one whose answer takes longer than the server has to live: it comes half a second after the SIGTERM. When
//! all of these have begun, the server is sent the SIGTERM. Then the books are compared: what the server has begun, what the
//! clients were answered, and what the server has in its journal.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use async_with::async_with;
use async_with::managers::{Shutdown, ShutdownHandle, TaskGroup, timeout};
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use clap::Parser;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// How many requests each client sends, the last of which is the long one.
const REQUESTS: usize = 6;

/// How long the whole trial may take. It takes about a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A web server that drops no request when it is told to end. Without arguments: tries that, and says how it went.
#[derive(Parser)]
struct Args {
    /// Only serve, on this address, until SIGTERM or Ctrl-C.
    #[arg(long, value_name = "ADDRESS")]
    serve: Option<SocketAddr>,
    /// How many seconds the shutdown may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
    /// How many clients send requests in the trial.
    #[arg(long, value_name = "NUMBER", default_value_t = 40)]
    clients: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let grace = Duration::from_secs(args.grace);
    let done = match args.serve {
        Some(address) => serve(address, grace).await.map(|()| true),
        None => try_it(args.clients).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

// The server.

#[derive(Clone)]
struct Server {
    shutdown: ShutdownHandle,
    begun: Arc<AtomicUsize>,
    journal: Arc<AtomicUsize>,
}

async fn serve(address: SocketAddr, grace: Duration) -> anyhow::Result<()> {
    let (begun, journal) = (Arc::default(), Arc::default());
    async_with!(Shutdown::new().grace(grace).on_signals() as shutdown, {
        let listener =
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        println!("listening on http://{}", listener.local_addr()?);

        let server =
            Server { shutdown: shutdown.clone(), begun: Arc::clone(&begun), journal: Arc::clone(&journal) };
        let app = Router::new()
            .route("/work/{milliseconds}", get(work))
            .route("/long", get(long))
            .route(
                "/begun",
                get(async |State(server): State<Server>| server.begun.load(Ordering::Relaxed).to_string()),
            )
            .with_state(server);
        axum::serve(listener, app).with_graceful_shutdown(shutdown.token().cancelled_owned()).await?;
    })?;
    println!("requests begun: {}", begun.load(Ordering::Relaxed));
    println!("in the journal: {}", journal.load(Ordering::Relaxed));
    Ok(())
}

/// Takes as long as it is asked to.
async fn work(State(server): State<Server>, Path(milliseconds): Path<u64>) -> &'static str {
    server.begin();
    sleep(Duration::from_millis(milliseconds)).await;
    "done\n"
}

/// Is not yet done when the server is told to end.
async fn long(State(server): State<Server>) -> &'static str {
    server.begin();
    server.shutdown.token().cancelled().await;
    sleep(Duration::from_millis(500)).await;
    "done\n"
}

impl Server {
    /// Counts a request, and enters it in the journal, for which no client has to wait.
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let journal = Arc::clone(&self.journal);
        self.shutdown.spawn("journal", async move {
            sleep(Duration::from_millis(100)).await;
            journal.fetch_add(1, Ordering::Relaxed);
        });
    }
}

// The trial.

/// Whether no request was dropped.
async fn try_it(clients: usize) -> anyhow::Result<bool> {
    let report = async_with!(timeout(PATIENCE), {
        let mut server = Command::new(std::env::current_exe()?)
            .args(["--serve", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(server.stdout.take().context("the server's output")?).lines();
        let mut said = async |what: &str| -> anyhow::Result<String> {
            let line = lines.next_line().await?.unwrap_or_default();
            Ok(line
                .strip_prefix(what)
                .with_context(|| format!("the server said `{line}` for `{what}…`"))?
                .to_owned())
        };
        let url = said("listening on ").await?;

        let (answered, answered_late) = put_load_on(&url, clients, &server).await?;
        let begun = said("requests begun: ").await?.parse()?;
        let journal = said("in the journal: ").await?.parse()?;
        let status = server.wait().await?;
        ensure!(status.success(), "the server ended with {status}");
        let refused = reqwest::get(format!("{url}/begun")).await.is_err_and(|error| error.is_connect());
        Report { clients, begun, answered, answered_late, journal, refused }
    })
    .context("the trial takes too long")?;
    io::stdout().write_all(report.to_string().as_bytes())?;
    Ok(report.begun == report.answered && report.begun == report.journal)
}

/// Sends all requests, and a SIGTERM when all have begun. Says how many were answered, and how many of these after that.
async fn put_load_on(url: &str, clients: usize, server: &Child) -> anyhow::Result<(usize, usize)> {
    let answers = async_with!(TaskGroup::<reqwest::Error>::new() as group, {
        let clients: Vec<_> = (0..clients).map(|_| group.spawn(client(url.to_owned()))).collect();
        let status = http_client()?;
        let all = (clients.len() * REQUESTS).to_string();
        while status.get(format!("{url}/begun")).send().await?.text().await? != all {
            sleep(Duration::from_millis(5)).await;
        }
        terminate(server)?;
        let mut answers = Vec::new();
        for client in clients {
            answers.push(client.await?);
        }
        answers
    })?;
    let (quick, late): (Vec<_>, Vec<_>) = answers.into_iter().unzip();
    let late = late.iter().filter(|answered| **answered).count();
    Ok((quick.iter().sum::<usize>() + late, late))
}

/// How many quick requests of a client were answered, and whether its long one was.
async fn client(url: String) -> Result<(usize, bool), reqwest::Error> {
    let client = http_client()?;
    let mut answered = 0;
    for _ in 1..REQUESTS {
        answered += usize::from(is_answered(&client, format!("{url}/work/20")).await);
    }
    Ok((answered, is_answered(&client, format!("{url}/long")).await))
}

/// Whether the answer came, and came in full.
async fn is_answered(client: &reqwest::Client, url: String) -> bool {
    let answer = async { client.get(url).send().await?.error_for_status()?.text().await };
    answer.await.is_ok_and(|text| text == "done\n")
}

fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    // The server is on this machine.
    reqwest::Client::builder().no_proxy().build()
}

#[cfg(unix)]
fn terminate(server: &Child) -> anyhow::Result<()> {
    use rustix::process::{Pid, Signal, kill_process};

    let id = server.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let Some(id) = id else { bail!("the server has ended before its time") };
    Ok(kill_process(id, Signal::TERM)?)
}

#[cfg(not(unix))]
fn terminate(_server: &Child) -> anyhow::Result<()> {
    bail!("there is no SIGTERM here; try `--serve` and Ctrl-C")
}

struct Report {
    clients: usize,
    begun: usize,
    answered: usize,
    answered_late: usize,
    journal: usize,
    refused: bool,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let refused = if self.refused { "refused" } else { "taken" };
        writeln!(f, "clients                              {:>7}", self.clients)?;
        writeln!(f, "requests begun by the server         {:>7}", self.begun)?;
        writeln!(f, "answered in full                     {:>7}", self.answered)?;
        writeln!(f, "  of these, after the SIGTERM        {:>7}", self.answered_late)?;
        writeln!(f, "dropped                              {:>7}", self.begun.saturating_sub(self.answered))?;
        writeln!(f, "entries in the server's journal      {:>7}", self.journal)?;
        writeln!(f, "a connection after the shutdown      {refused:>7}")
    }
}
