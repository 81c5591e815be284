//! The transfers: a CSV file, and the queue of its rows.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use thiserror::Error;

/// The rows, and how many of them have been taken. Shared, because a task that panics or is cancelled hands nothing back.
pub struct Queue {
    pub rows: Vec<Row>,
    pub taken: AtomicUsize,
}

impl Queue {
    pub fn take(&self) -> Option<&Row> {
        self.rows.get(self.taken.fetch_add(1, Ordering::Relaxed))
    }

    pub fn last_taken(&self) -> Option<&Row> {
        self.rows.get(self.taken.load(Ordering::Relaxed).checked_sub(1)?)
    }
}

pub struct Row {
    /// Counted from 1, malformed rows included.
    pub number: usize,
    pub action: Action,
    pub from: String,
    pub to: String,
    pub amount: u32,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Pay,
    Skip,
    Stop,
}

/// What a CSV file holds: the rows that could be understood, and what is wrong with the others.
pub struct File {
    pub rows: Vec<Row>,
    pub malformed: Vec<Malformed>,
}

#[derive(Debug, Error)]
#[error("line {line}: {problem}")]
pub struct Malformed {
    pub line: usize,
    pub problem: String,
}

#[derive(Debug, Error)]
pub enum RunError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}, line 1: the columns must be {}", path.display(), File::COLUMNS.join(","))]
    Columns { path: PathBuf },
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl File {
    pub const COLUMNS: [&str; 4] = ["action", "from", "to", "amount"];

    pub fn read(path: &Path) -> Result<Self, RunError> {
        let unreadable = |source| RunError::Unreadable { path: path.to_owned(), source };
        let text = std::fs::read(path).map_err(unreadable)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&*text);
        if !reader.headers().is_ok_and(|columns| *columns == Self::COLUMNS[..]) {
            return Err(RunError::Columns { path: path.to_owned() });
        }
        let mut file = Self { rows: Vec::new(), malformed: Vec::new() };
        for (index, record) in reader.deserialize().enumerate() {
            match record {
                Ok((action, from, to, amount)) => {
                    file.rows.push(Row { number: index + 1, action, from, to, amount });
                }
                Err(error) => {
                    file.malformed
                        .push(Malformed { line: line_of(&error, &text), problem: problem_of(&error) });
                }
            }
        }
        Ok(file)
    }
}

/// The line of a malformed row. The reader's own count is that of where it began to look: blank lines before the row
/// and the second half of a CRLF come after it.
fn line_of(error: &csv::Error, text: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = error.position().map_or(0, |position| usize::try_from(position.byte()).unwrap_or(text.len()));
    let skipped = text[start..].iter().take_while(|byte| is_end(byte)).count();
    text[..start + skipped].split(|&byte| byte == b'\n').count()
}

fn problem_of(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where {expected_len} are expected")
        }
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|field| File::COLUMNS.get(usize::try_from(field).ok()?));
            column.map_or(err.kind().to_string(), |column| format!("column {column}: {}", err.kind()))
        }
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_owned(),
        _ => error.to_string(),
    }
}
