//! What the real rustfmt does with blocks: it formats the comma form, and leaves alone what it cannot read.
//!
//! `sample.rs` is badly formatted on purpose; `repository.rs` and `defaults.rs` are what rustfmt makes of it, with
//! `rustfmt.toml` and without. Refresh with `UPDATE_EXPECT=1 cargo test --test rustfmt`.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::unused_async, reason = "in the samples, only the managers are awaited")]

#[rustfmt::skip]
mod defaults;
mod left_alone;
mod repository;
#[rustfmt::skip]
mod sample;

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use async_with::{AsyncContextManager, ContextManager, Outcome};
use expect_test::expect_file;

const SAMPLE: &str = include_str!("sample.rs");
const LEFT_ALONE: &str = include_str!("left_alone.rs");

/// Lends what it has, and can fail.
struct Lend<T> {
    value: Option<T>,
}

fn lend<T>(value: T) -> Lend<T> {
    Lend { value: Some(value) }
}

impl<T: Send + 'static> AsyncContextManager for Lend<T> {
    type Value = T;
    type Error = io::Error;

    async fn enter(&mut self) -> io::Result<T> {
        tokio::task::yield_now().await;
        self.value.take().ok_or_else(|| io::Error::other("nothing to lend"))
    }

    async fn exit(self, _value: T, _outcome: Outcome) -> io::Result<()> {
        Ok(())
    }
}

/// The same, for `with!`.
struct LendHere<T>(T);

impl<T: Clone> ContextManager for LendHere<T> {
    type Value = T;
    type Error = io::Error;

    fn enter(&mut self) -> io::Result<T> {
        Ok(self.0.clone())
    }

    fn exit(self, _value: T, _outcome: Outcome) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Clone)]
struct Point(u32, u32);

#[derive(Clone)]
struct Named {
    left: u32,
    right: u32,
}

/// With the settings of this file.
fn rustfmt(source: &str, settings: &str) -> String {
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join(settings);
    // As `cargo fmt` does.
    let rustfmt = std::env::var_os("RUSTFMT").unwrap_or_else(|| "rustfmt".into());
    let mut child = Command::new(rustfmt)
        .args(["--edition", "2024", "--config-path"])
        .arg(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt: `rustup component add rustfmt`");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(source.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "rustfmt: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn repository(source: &str) -> String {
    rustfmt(source, "rustfmt.toml")
}

fn defaults(source: &str) -> String {
    rustfmt(source, "tests/rustfmt/defaults.toml")
}

#[test]
fn the_comma_form_is_formatted() {
    expect_file!["repository.rs"].assert_eq(&repository(SAMPLE));
}

#[test]
fn the_comma_form_is_formatted_by_default_settings() {
    expect_file!["defaults.rs"].assert_eq(&defaults(SAMPLE));
}

/// Each bad place of the sample is one that rustfmt mends: two spaces in a row, outside of the indentation.
#[test]
fn nothing_in_the_sample_stays_as_it_was() {
    for formatted in [repository(SAMPLE), defaults(SAMPLE)] {
        let left: Vec<_> = formatted.lines().filter(|line| line.trim_start().contains("  ")).collect();
        assert!(left.is_empty(), "{left:#?}");
    }
}

#[test]
fn formatting_again_changes_nothing() {
    for format in [repository, defaults] {
        let once = format(SAMPLE);
        assert_eq!(format(&once), once);
    }
}

#[test]
fn what_rustfmt_cannot_read_is_left_alone() {
    assert_eq!(repository(LEFT_ALONE), LEFT_ALONE);
    assert_eq!(defaults(LEFT_ALONE), LEFT_ALONE);
    // Each block has a place that would be mended.
    let blocks = LEFT_ALONE.matches("with!").count();
    assert_eq!(LEFT_ALONE.lines().filter(|line| line.trim_start().contains("  ")).count(), blocks);
}

/// That the formatted samples still compile is seen by this file.
#[tokio::test]
async fn formatted_blocks_do_what_they_did() {
    let expected: Vec<_> = (1..=35).filter(|number| *number != 25).collect();
    assert_eq!(sample::run().await.unwrap(), expected);
    assert_eq!(repository::run().await.unwrap(), expected);
    assert_eq!(defaults::run().await.unwrap(), expected);
    assert_eq!(left_alone::run().await.unwrap(), 66);
}
