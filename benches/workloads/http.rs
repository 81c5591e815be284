//! A web server that has a block for each request, against the same without blocks.
//!
//! As in the example `http_server`, the server counts what it has begun and what it has ended. Clients on connections that stay
//! open ask as fast as they are answered. Server and clients share the machine, so a block is a part of the whole.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_with::managers::timeout;
use async_with::{AsyncContextManager, Outcome, async_with};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use clap::Parser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::yield_now;
use workloads::slices::{Comparison, order, slice};

/// Far more than any request takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A web server that has a block for each request, against the same without blocks.
#[derive(Parser)]
struct Args {
    /// How many clients ask, each on a connection of its own.
    #[arg(long, value_delimiter = ',', default_value = "1,32")]
    clients: Vec<usize>,
    /// How long each slice of time is.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How many slices each contender has.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What the server has begun and ended.
#[derive(Default)]
struct Books {
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Books {
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// One request, in the books.
struct Request(Arc<Books>);

impl AsyncContextManager for Request {
    type Value = ();
    type Error = Infallible;

    async fn enter(&mut self) -> Result<(), Infallible> {
        self.0.begin();
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), Infallible> {
        self.0.end();
        Ok(())
    }
}

/// What a request asks for.
async fn answer(number: u64) -> String {
    yield_now().await;
    format!("{number} done\n")
}

async fn bare(State(books): State<Arc<Books>>, Path(number): Path<u64>) -> String {
    books.begin();
    let answer = answer(number).await;
    books.end();
    answer
}

async fn block(State(books): State<Arc<Books>>, Path(number): Path<u64>) -> String {
    async_with!(Request(books) => { answer(number).await })
}

async fn bare_timeout(
    State(books): State<Arc<Books>>,
    Path(number): Path<u64>,
) -> Result<String, StatusCode> {
    books.begin();
    let answer = tokio::time::timeout(PATIENCE, answer(number)).await;
    books.end();
    answer.map_err(|_| StatusCode::GATEWAY_TIMEOUT)
}

async fn block_timeout(
    State(books): State<Arc<Books>>,
    Path(number): Path<u64>,
) -> Result<String, StatusCode> {
    async_with!(Request(books), timeout(PATIENCE) => { answer(number).await })
        .map_err(|_| StatusCode::GATEWAY_TIMEOUT)
}

/// The paths that are compared, two by two.
const PAIRS: [(&str, [&str; 2]); 2] = [
    ("a block for each request", ["bare", "block"]),
    ("a block with a timeout for each request", ["bare_timeout", "block_timeout"]),
];

/// A client, with its connection.
struct Client {
    connection: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(server: SocketAddr) -> io::Result<Self> {
        let connection = TcpStream::connect(server).await?;
        connection.set_nodelay(true)?;
        Ok(Self { connection, buffer: Vec::new() })
    }

    /// Asks once, and reads the answer to its end.
    async fn ask(&mut self, path: &str) -> io::Result<()> {
        let number = fastrand::u32(..);
        let request = format!("GET /{path}/{number} HTTP/1.1\r\nhost: bench\r\n\r\n");
        self.connection.write_all(request.as_bytes()).await?;
        let end = format!("\r\n\r\n{number} done\n");
        self.buffer.clear();
        while !self.buffer.ends_with(end.as_bytes()) {
            if self.connection.read_buf(&mut self.buffer).await? == 0 || self.buffer.len() > 10_000 {
                let said = String::from_utf8_lossy(&self.buffer);
                return Err(io::Error::other(format!("the server answered {said:?}")));
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let books = Arc::<Books>::default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let app = Router::new()
        .route("/bare/{number}", get(bare))
        .route("/block/{number}", get(block))
        .route("/bare_timeout/{number}", get(bare_timeout))
        .route("/block_timeout/{number}", get(block_timeout))
        .with_state(Arc::clone(&books));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let length = Duration::from_secs_f64(args.seconds);
    let mut comparison = Comparison::default();
    for number in args.clients {
        let mut clients = Vec::new();
        for _ in 0..number {
            clients.push(Mutex::new(Client::connect(address).await?));
        }
        let clients = Arc::new(clients);
        for (what, paths) in PAIRS {
            let mut slices = [const { Vec::new() }; 2];
            // The first round is to get warm.
            for round in 0..=args.rounds {
                for contender in order(paths.len(), round) {
                    let (clients, path) = (Arc::clone(&clients), paths[contender]);
                    let work = move |client: usize| {
                        let clients = Arc::clone(&clients);
                        async move { clients[client].lock().await.ask(path).await }
                    };
                    let seen = slice(number, length, work).await?;
                    if round > 0 {
                        slices[contender].push(seen);
                    }
                }
            }
            comparison.add(what, number, &["without", "with"], &slices);
        }
    }
    let [begun, ended] = [&books.begun, &books.ended].map(|count| count.load(Ordering::Relaxed));
    anyhow::ensure!(begun == ended && begun > 0, "{begun} requests begun, {ended} ended");
    comparison.print("without");
    server.abort();
    Ok(())
}
