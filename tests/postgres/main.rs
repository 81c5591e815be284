//! Transactions, savepoints and locks on a real PostgreSQL server, which is started for them and thrown away.
//!
//! `cargo test --all-features --test postgres -- --ignored`

#![cfg(all(feature = "sqlx", unix))]
#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/postgres.rs"]
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod contention;
mod faults;
mod locks;
mod proxy;
#[path = "../common/transactions.rs"]
mod scenarios;
mod takeover;
mod transactions;

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cluster::Cluster;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

/// How long something may take that takes no time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A database of one test, and the server that it is on.
struct Database {
    cluster: Arc<Cluster>,
    name: String,
}

impl Database {
    /// One on the server that all tests share; whoever stops that, takes one [`alone`](Self::alone).
    async fn new() -> Self {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let cluster = {
            let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
            // Not kept in the static, which is never dropped: the last test stops the server.
            shared.upgrade().unwrap_or_else(|| {
                let cluster = Arc::new(Cluster::start().unwrap());
                *shared = Arc::downgrade(&cluster);
                cluster
            })
        };
        Self::on(cluster).await
    }

    /// One on a server of its own.
    async fn alone() -> Self {
        Self::on(Arc::new(Cluster::start().unwrap())).await
    }

    async fn on(cluster: Arc<Cluster>) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        connection.close().await.unwrap();
        Self { cluster, name }
    }

    fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    async fn pool(&self) -> PgPool {
        self.pool_of(4).await
    }

    /// Kills the server with all of its processes.
    async fn kill(&self) {
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        let processes = sqlx::query_scalar("SELECT pid FROM pg_stat_activity").fetch_all(&mut connection);
        self.cluster.kill(&processes.await.unwrap()).unwrap();
    }

    /// Starts the server after that.
    async fn revive(&self) {
        // The last of the killed processes may take a moment to let go of the memory that they shared.
        eventually("the server starts", async || self.cluster.up().is_ok()).await;
    }

    async fn pool_of(&self, connections: u32) -> PgPool {
        PgPoolOptions::new().max_connections(connections).connect(&self.url()).await.unwrap()
    }
}

/// Waits until the condition holds.
async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let all = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, all).await.is_ok(), "never: {what}");
}

/// What `future` gives, which must not take long.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes no time")
}
