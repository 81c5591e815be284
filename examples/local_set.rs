//! A document that several editors share on one thread, in tokio's `LocalSet`: it is in an `Rc`, and no task is `Send`.
//!
//! An editor works in a block over `Draft`, a local manager. Its exit brings the lines into the document, or throws them away, and
//! enters how the editor left in a journal. The exit of a local manager cannot run detached: when an editor is aborted, `abandon`
//! is called in its place. That cannot await, and spawns what has to be awaited on the `LocalSet`.
//!
//! ```text
//! cargo run --example local_set
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::rc::Rc;

use async_with::{LocalAsyncContextManager, Outcome, async_with};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{LocalSet, spawn_local, yield_now};

#[derive(Default)]
struct Document {
    lines: BTreeMap<&'static str, Vec<String>>,
    editors: usize,
}

/// What an editor changes, until it leaves.
struct Draft {
    editor: &'static str,
    document: Rc<RefCell<Document>>,
    journal: Sender<String>,
}

impl LocalAsyncContextManager for Draft {
    type Value = Vec<String>;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<Vec<String>, Infallible> {
        self.document.borrow_mut().editors += 1;
        Ok(Vec::new())
    }

    async fn exit(self, lines: Vec<String>, outcome: Outcome) -> Result<(), Infallible> {
        if outcome.is_success() {
            self.document.borrow_mut().lines.insert(self.editor, lines);
        }
        self.leave(outcome).await;
        Ok(())
    }

    fn abandon(self, _lines: Vec<String>) {
        spawn_local(self.leave(Outcome::Cancelled));
    }
}

impl Draft {
    async fn leave(self, how: Outcome) {
        self.document.borrow_mut().editors -= 1;
        let Self { editor, journal, .. } = self;
        journal.send(format!("{editor}: {how}")).await.expect("the journal is kept to the end");
    }
}

/// Writes some lines, and leaves in one way or another; says how many it wrote.
async fn edit(draft: Draft, words: &'static str) -> Result<usize, String> {
    let mut written = 0;
    async_with!(draft as lines => {
        for word in words.split(' ') {
            // The others come in between.
            yield_now().await;
            match word {
                "quit" => return Ok(written),
                "fail" => Err(format!("failed at line {}", written + 1))?,
                "think" => pending().await,
                word => lines.push(word.to_owned()),
            }
            written += 1;
        }
    });
    Ok(written)
}

async fn keep(mut journal: Receiver<String>) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(line) = journal.recv().await {
        lines.push(line);
    }
    // Which of them leaves first is of no concern.
    lines.sort();
    lines
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), tokio::task::JoinError> {
    let document = Rc::new(RefCell::new(Document::default()));
    // With room for one line: whoever leaves may have to wait.
    let (journal, lines) = channel(1);
    let tasks = LocalSet::new();
    let kept = tasks.spawn_local(keep(lines));
    let start = |editor, words| {
        let draft = Draft { editor, document: Rc::clone(&document), journal: journal.clone() };
        (editor, tasks.spawn_local(edit(draft, words)))
    };
    let editors = [start("Ann", "one two"), start("Bob", "three quit four"), start("Cem", "five fail")];
    let (_, thinker) = start("Dora", "six think");
    let edited = async {
        for (editor, task) in editors {
            println!("{editor}: {:?}", task.await?);
        }
        println!("editors left: {}", document.borrow().editors);
        thinker.abort();
        println!("Dora was aborted: {}", thinker.await.is_err_and(|error| error.is_cancelled()));
        Ok(())
    };
    tasks.run_until(edited).await?;

    drop(journal);
    // The set ends when all its tasks have, what Dora's draft has spawned among them.
    tasks.await;
    println!("editors left: {}", document.borrow().editors);
    println!("journal: {:?}", kept.await?);
    println!("document: {:?}", document.borrow().lines);
    Ok(())
}
