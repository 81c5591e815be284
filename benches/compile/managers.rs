//! What the generated blocks are over: managers and a store, in a crate of their own as those of a library would be.

#[path = "@EXPERT@"]
pub mod expert;

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::hint::black_box;
use std::num::ParseIntError;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use async_with::{AsyncContextManager, LocalAsyncContextManager, Outcome};

/// Something that is read and written by awaiting.
pub struct Store;

impl Store {
    pub async fn read(&self, key: u64) -> u64 {
        pause().await;
        black_box(key)
    }

    pub async fn write(&self, amount: u64) -> Result<(), Failure> {
        pause().await;
        if black_box(amount) == u64::MAX { Err(Failure::Full) } else { Ok(()) }
    }
}

#[derive(Debug)]
pub enum Failure {
    Full,
    NoNumber(ParseIntError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Full => f.write_str("full"),
            Failure::NoNumber(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<ParseIntError> for Failure {
    fn from(error: ParseIntError) -> Self {
        Failure::NoNumber(error)
    }
}

/// Cannot fail.
pub struct Counter(pub u64);

impl AsyncContextManager for Counter {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        pause().await;
        Ok(black_box(self.0))
    }

    async fn exit(self, value: u64, outcome: Outcome) -> Result<(), Infallible> {
        pause().await;
        black_box((value, outcome));
        Ok(())
    }
}

/// Can fail.
pub struct Transaction(pub u64);

impl AsyncContextManager for Transaction {
    type Value = Vec<u64>;
    type Error = Failure;

    async fn enter(&mut self) -> Result<Vec<u64>, Failure> {
        pause().await;
        Ok(vec![black_box(self.0)])
    }

    async fn exit(self, log: Vec<u64>, outcome: Outcome) -> Result<(), Failure> {
        pause().await;
        if black_box((log, outcome)).1.is_success() { Ok(()) } else { Err(Failure::Full) }
    }
}

/// Borrows, and cannot fail.
pub struct LocalCounter<'a>(pub &'a Store, pub u64);

impl LocalAsyncContextManager for LocalCounter<'_> {
    type Value = u64;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.read(self.1).await)
    }

    async fn exit(self, value: u64, outcome: Outcome) -> Result<(), Infallible> {
        self.0.read(value).await;
        black_box(outcome);
        Ok(())
    }
}

/// Borrows, and can fail.
pub struct LocalTransaction<'a>(pub &'a Store, pub u64);

impl LocalAsyncContextManager for LocalTransaction<'_> {
    type Value = Vec<u64>;
    type Error = Failure;

    async fn enter(&mut self) -> Result<Vec<u64>, Failure> {
        Ok(vec![self.0.read(self.1).await])
    }

    async fn exit(self, log: Vec<u64>, outcome: Outcome) -> Result<(), Failure> {
        black_box(outcome);
        self.0.write(log.len() as u64).await
    }
}

/// Is pending once.
async fn pause() {
    let mut first = true;
    poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Runs a future; `dyn`, so that it costs the callers little.
pub fn run<T>(mut future: Pin<&mut dyn Future<Output = T>>) -> T {
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}
