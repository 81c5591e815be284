//! Leases of a server's places, on smol: a place comes back on every way out of a client's session, and when a session is cut.
//!
//! Server and clients talk over real sockets. A client takes a place with `TAKE`, uses it, and gives it back with `GIVE`, in an exit
//! that waits for the server's answer. The last session hangs, and loses a race against its user's patience: its exit runs on
//! a thread of the crate, for there is no tokio here, and `settle` waits for it.
//!
//! ```text
//! cargo run --example smol
//! ```

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use smol::channel::{Sender, bounded};
use smol::future::or;
use smol::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use smol::net::{TcpListener, TcpStream};

/// A place, for as long as a block.
struct Lease(SocketAddr);

impl AsyncContextManager for Lease {
    type Value = Connection;
    type Error = io::Error;

    async fn enter(&mut self) -> io::Result<Connection> {
        let mut connection = Connection(BufReader::new(TcpStream::connect(self.0).await?));
        connection.ask("TAKE").await?;
        Ok(connection)
    }

    async fn exit(self, mut connection: Connection, outcome: Outcome) -> io::Result<()> {
        connection.ask(&format!("GIVE {outcome}")).await?;
        Ok(())
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Sends a line, and gives the line that comes back.
    async fn ask(&mut self, line: &str) -> io::Result<String> {
        self.0.get_mut().write_all(format!("{line}\n").as_bytes()).await?;
        let mut answer = String::new();
        self.0.read_line(&mut answer).await?;
        Ok(answer.trim_end().to_owned())
    }
}

/// A client's session, with a lease for each part of its work.
async fn session(server: SocketAddr, work: &str, hangs: Sender<()>) -> io::Result<String> {
    let mut answers = Vec::new();
    for part in work.split(' ') {
        async_with!(Lease(server) as connection => {
            match part {
                "skip" => continue,
                "stop" => break,
                "last" => return connection.ask(part).await,
                "fail" => Err(io::Error::other("the work failed"))?,
                "hang" => {
                    hangs.send(()).await.map_err(io::Error::other)?;
                    pending::<()>().await;
                }
                _ => answers.push(connection.ask(part).await?),
            }
        })?;
    }
    Ok(answers.join(" "))
}

async fn listen(listener: TcpListener, taken: Arc<AtomicUsize>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        smol::spawn(serve(stream, Arc::clone(&taken))).detach();
    }
}

/// Answers the lines of one client.
async fn serve(stream: TcpStream, taken: Arc<AtomicUsize>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let request = line.trim_end();
        if request == "TAKE" {
            taken.fetch_add(1, Ordering::Relaxed);
        } else if let Some(outcome) = request.strip_prefix("GIVE ") {
            taken.fetch_sub(1, Ordering::Relaxed);
            println!("  a place comes back: {outcome}");
        }
        stream.get_mut().write_all(format!("{}\n", request.to_uppercase()).as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

fn main() -> io::Result<()> {
    smol::block_on(async {
        let taken = Arc::new(AtomicUsize::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = listener.local_addr()?;
        let _listening = smol::spawn(listen(listener, Arc::clone(&taken)));
        for work in ["a b", "a skip b", "a stop b", "a last b", "a fail b", "a hang b"] {
            println!("{work}");
            let (hangs, hanging) = bounded(1);
            let patience = async {
                hanging.recv().await.map_err(io::Error::other)?;
                Err(io::Error::other("the user has given up"))
            };
            let done = or(session(server, work, hangs.clone()), patience).await;
            settle().await;
            match done {
                Ok(answers) => println!("  answers: {answers}"),
                Err(error) => println!("  error: {error}"),
            }
            println!("  places taken: {}", taken.load(Ordering::Relaxed));
        }
        Ok(())
    })
}
