//! A pipeline on the executors of `futures`: a worker on a thread pool turns texts into squares, and a writer on the main thread
//! brings them into files, in batches of two that are there whole or not at all.
//!
//! Each batch is a block: it is written to a draft, and the exit renames the draft, or removes it if the body did not succeed. The
//! last pipeline stands still and is aborted; there is no runtime, so the exit of its batch runs on a thread of the crate.
//!
//! ```text
//! cargo run --example futures_executor
//! ```

use std::fs::{self, File};
use std::future::{pending, ready};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_with::{AsyncContextManager, Outcome, async_with, settle};
use futures::channel::{mpsc, oneshot};
use futures::executor::{LocalPool, ThreadPool};
use futures::future::{AbortHandle, Abortable};
use futures::stream::{self, Stream};
use futures::{SinkExt, StreamExt};

/// A file that is there if its block succeeds.
struct Batch {
    number: u32,
    folder: PathBuf,
    threads: ThreadPool,
}

impl AsyncContextManager for Batch {
    type Value = File;
    type Error = io::Error;

    async fn enter(&mut self) -> io::Result<File> {
        let draft = self.draft();
        self.blocking(|| File::create(draft)).await
    }

    async fn exit(self, file: File, outcome: Outcome) -> io::Result<()> {
        println!("  batch {}: {outcome}", self.number);
        let (draft, path) = (self.draft(), self.folder.join(format!("batch {}", self.number)));
        let work = move || {
            file.sync_all()?;
            drop(file);
            if outcome.is_success() { fs::rename(draft, path) } else { fs::remove_file(draft) }
        };
        self.blocking(work).await
    }
}

impl Batch {
    fn draft(&self) -> PathBuf {
        self.folder.join(format!("draft {}", self.number))
    }

    /// Does on a thread of the pool what blocks. It serves a detached exit as well.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (sender, receiver) = oneshot::channel();
        // Nobody receives it if the enter is cut.
        self.threads.spawn_ok(async { drop(sender.send(work())) });
        receiver.await.map_err(io::Error::other)?
    }
}

type Square = Result<u32, std::num::ParseIntError>;

async fn work(texts: &'static str, mut squares: mpsc::Sender<Square>) {
    for text in texts.split(' ') {
        let square = text.parse::<u32>().map(|number| number * number);
        if squares.send(square).await.is_err() {
            // The writer has gone.
            return;
        }
    }
}

/// Writes until there is nothing more or something is no number; says how many batches it took.
async fn write(
    folder: &Path,
    threads: &ThreadPool,
    mut squares: impl Stream<Item = Square> + Unpin,
) -> io::Result<u32> {
    let mut number = 0;
    loop {
        number += 1;
        let batch = Batch { number, folder: folder.to_owned(), threads: threads.clone() };
        async_with!(batch as file => {
            for _ in 0..2 {
                match squares.next().await {
                    Some(square) => writeln!(file, "{}", square.map_err(io::Error::other)?)?,
                    None => return Ok(number),
                }
            }
        })?;
    }
}

fn main() -> io::Result<()> {
    let threads = ThreadPool::builder().pool_size(2).create()?;
    let mut pool = LocalPool::new();
    for (texts, stands_still) in [("1 2 3 4 5", false), ("1 2 3 four 5", false), ("1 2 3", true)] {
        println!("{texts}{}", if stands_still { " …" } else { "" });
        let folder = tempfile::tempdir()?;
        let (sender, squares) = mpsc::channel(1);
        threads.spawn_ok(work(texts, sender));
        let (abort, registration) = AbortHandle::new_pair();
        let end = stream::once(async move {
            if stands_still {
                abort.abort();
                pending::<()>().await;
            }
        });
        let squares = squares.chain(end.filter_map(|()| ready(None)).boxed());
        let written = pool.run_until(Abortable::new(write(folder.path(), &threads, squares), registration));
        pool.run_until(settle());
        match written {
            Ok(Ok(batches)) => println!("  written: {batches} batches"),
            Ok(Err(error)) => println!("  error: {error}"),
            Err(aborted) => println!("  aborted: {aborted}"),
        }
        let mut files = Vec::new();
        for file in fs::read_dir(&folder)? {
            files.push(file?.file_name());
        }
        files.sort();
        println!("  files: {files:?}");
    }
    Ok(())
}
