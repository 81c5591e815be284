//! A file is replaced as a whole, or not at all, and nothing is left beside it.

#![cfg(all(feature = "tokio", not(target_family = "wasm")))]
#![deny(warnings, clippy::all, clippy::pedantic)]

#[path = "../common/mod.rs"]
mod common;
mod killed;
mod readers;
mod targets;
#[cfg(unix)]
mod unix;

use std::cell::Cell;
use std::error::Error as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_with::async_with;
use async_with::managers::{AtomicFile, AtomicFileError};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::common::files::{FAILURES, SUCCESSES, cut_after_and_settle, leave, names, run};
use crate::common::trace::Trace;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A folder with nothing but a target in it that reads `old`.
fn old() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, "old").unwrap();
    (folder, target)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

async fn write(path: PathBuf, way: &'static str, trace: Trace) -> Result {
    for turn in 0.. {
        if turn == 1 {
            break;
        }
        async_with!(AtomicFile::create(&path) as file => {
            file.write_all(b"new").await?;
            match way {
                "returned" => return Ok(()),
                "broke" => break,
                "continued" => continue,
                way => leave(way, &trace).await?,
            }
        })?;
        break;
    }
    Ok(())
}

/// What entering the block, or leaving it after the body succeeded, fails with.
async fn error_of(path: impl Into<PathBuf>) -> AtomicFileError {
    async_with!(AtomicFile::create(path) as file => { file.write_all(b"new").await.unwrap() }).unwrap_err()
}

fn kind(error: &AtomicFileError) -> ErrorKind {
    error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind()
}

const SIZE: usize = 100_000;

/// Fails if a file is not whole: each is `SIZE` times the same byte.
fn whole(content: &[u8]) -> u8 {
    assert_eq!(content.len(), SIZE);
    assert!(content.iter().all(|byte| *byte == content[0]), "a mix of two files");
    content[0]
}

/// Writes a whole file in pieces.
async fn replace(target: &Path, byte: u8) {
    async_with!(AtomicFile::create(target) as file => {
        for piece in vec![byte; SIZE].chunks(SIZE / 4) {
            file.write_all(piece).await.unwrap();
            file.flush().await.unwrap();
        }
    })
    .unwrap();
}

/// As documented.
fn is_temporary(name: &str, target: &str) -> bool {
    let middle = name.strip_prefix(&format!(".{target}.")).and_then(|rest| rest.strip_suffix(".tmp"));
    middle.is_some_and(|middle| {
        middle.len() == 6 && middle.chars().all(|letter| letter.is_ascii_alphanumeric())
    })
}

// Ways out.

#[tokio::test]
async fn the_target_is_replaced_after_success() {
    for way in SUCCESSES {
        let ((folder, target), trace) = (old(), Trace::new());
        run(way, &trace, write(target.clone(), way, trace.clone())).await.unwrap().unwrap();
        assert_eq!((read(&target).as_str(), names(folder.path())), ("new", vec!["target".into()]), "{way}");
    }
}

#[tokio::test]
async fn the_target_stays_after_anything_else() {
    for way in FAILURES {
        let ((folder, target), trace) = (old(), Trace::new());
        let ended = run(way, &trace, write(target.clone(), way, trace.clone())).await;
        assert!(!matches!(ended, Ok(Ok(()))), "{way}");
        assert_eq!((read(&target).as_str(), names(folder.path())), ("old", vec!["target".into()]), "{way}");
    }
}

#[tokio::test]
async fn where_there_was_no_target_there_is_one_after_success_alone() {
    for way in SUCCESSES.into_iter().chain(FAILURES) {
        let (folder, trace) = (tempfile::tempdir().unwrap(), Trace::new());
        let target = folder.path().join("target");
        let _ = run(way, &trace, write(target.clone(), way, trace.clone())).await;
        let expected: &[&str] = if SUCCESSES.contains(&way) { &["target"] } else { &[] };
        assert_eq!(names(folder.path()), expected, "{way}");
    }
}

#[test]
fn dropped_at_every_poll_the_file_is_old_until_the_body_has_ended_and_nothing_is_left() {
    let mut seen = Vec::new();
    for polls in 0.. {
        let (folder, target) = old();
        let body_ended = Cell::new(false);
        let whole = cut_after_and_settle(polls, async {
            async_with!(AtomicFile::create(&target) as file => {
                file.write_all(b"n").await.unwrap();
                file.flush().await.unwrap();
                file.write_all(b"ew").await.unwrap();
                body_ended.set(true);
            })
        });
        assert_eq!(names(folder.path()), ["target"], "dropped after {polls} polls");
        let content = read(&target);
        assert_eq!(content, if body_ended.get() { "new" } else { "old" }, "dropped after {polls} polls");
        seen.push(content);
        if let Some(ended) = whole {
            ended.unwrap();
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen, ["old", "new"]);
}
