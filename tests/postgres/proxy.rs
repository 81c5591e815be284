//! A network between a client and the server. It can stop to carry anything, without a word to either side; and because it runs
//! where the test runs, no answer is there before the test has suspended.

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Database;

pub struct Proxy {
    port: u16,
    frozen: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(database: &Database) -> Self {
        let socket = database.cluster.socket();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (frozen, watched) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(carry(from_client, to_server, watched.clone()));
                tokio::spawn(carry(from_server, to_client, watched.clone()));
            }
        });
        Self { port, frozen, task }
    }

    /// From now on nothing arrives, and nothing is closed.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
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

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut frozen: watch::Receiver<bool>,
) {
    let mut bytes = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if *frozen.borrow() {
            break;
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
