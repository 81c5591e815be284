//! A network between a client and the server. It can stop to carry anything, without a word to either side, or hold one message
//! back; and because it runs where the test runs, no answer is there before the test has suspended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::Database;

pub struct Proxy {
    port: u16,
    frozen: watch::Sender<bool>,
    held: Arc<Mutex<Option<Held>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(database: &Database) -> Self {
        let socket = database.cluster.socket();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (frozen, watched) = watch::channel(false);
        let held = Arc::new(Mutex::new(None));
        let task = tokio::spawn({
            let held = Arc::clone(&held);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    // Where no server is, the client is sent away.
                    let Ok(server) = UnixStream::connect(&socket).await else { continue };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    let wire =
                        Wire { frozen: watched.clone(), held: Arc::clone(&held), mute: Arc::default() };
                    tokio::spawn(wire.clone().carry_requests(from_client, to_server));
                    tokio::spawn(wire.carry_answers(from_server, to_client));
                }
            }
        });
        Self { port, frozen, held, task }
    }

    /// From now on nothing arrives, and nothing is closed.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Holds back the next message of a client in which `text` is, or the answer to it, for ever. What it gives waits for that:
    /// then the server has not seen the request, or has done all of it.
    pub fn hold(&self, side: Side, text: &'static str) -> impl Future<Output = ()> + use<> {
        let (there, is_there) = oneshot::channel();
        *self.held.lock().unwrap() = Some(Held { text, side, there });
        async { is_there.await.expect("nothing else is held back before that") }
    }

    pub async fn pool(&self, database: &Database, connections: u32) -> PgPool {
        let options = PgConnectOptions::new().host("127.0.0.1").port(self.port);
        let options = options.username("postgres").database(&database.name);
        PgPoolOptions::new().max_connections(connections).connect_with(options).await.unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Which half of an exchange is held back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Side {
    Request,
    Answer,
}

struct Held {
    text: &'static str,
    side: Side,
    there: oneshot::Sender<()>,
}

/// One connection.
#[derive(Clone)]
struct Wire {
    frozen: watch::Receiver<bool>,
    held: Arc<Mutex<Option<Held>>>,
    /// Who is to be told that an answer has come, which is not carried, nor what comes after it.
    mute: Arc<(AtomicBool, Mutex<Option<oneshot::Sender<()>>>)>,
}

impl Wire {
    async fn carry_requests(self, from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) {
        let pass = |request: &[u8]| {
            let is_it =
                |held: &mut Held| request.windows(held.text.len()).any(|part| part == held.text.as_bytes());
            match self.held.lock().unwrap().take_if(is_it) {
                Some(Held { side: Side::Request, there, .. }) => {
                    // A test may have stopped to wait for it.
                    let _ = there.send(());
                    false
                }
                Some(Held { side: Side::Answer, there, .. }) => {
                    *self.mute.1.lock().unwrap() = Some(there);
                    self.mute.0.store(true, Ordering::SeqCst);
                    true
                }
                None => true,
            }
        };
        carry(from, to, self.frozen.clone(), pass).await;
    }

    async fn carry_answers(self, from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) {
        let pass = |_answer: &[u8]| {
            if let Some(there) = self.mute.1.lock().unwrap().take() {
                // A test may have stopped to wait for it.
                let _ = there.send(());
            }
            !self.mute.0.load(Ordering::SeqCst)
        };
        carry(from, to, self.frozen.clone(), pass).await;
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut frozen: watch::Receiver<bool>,
    pass: impl Fn(&[u8]) -> bool,
) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if *frozen.borrow() {
            break;
        }
        if !pass(&bytes[..length]) {
            continue;
        }
        if to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
    if *frozen.borrow() {
        // Both ends stay open until the test is over.
        while frozen.changed().await.is_ok() {}
    }
}
