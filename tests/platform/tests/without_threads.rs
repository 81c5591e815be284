//! What becomes of exits that should run detached where there is nothing to run them.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::process::Command;

/// Stacks of this size do not fit into memory, so no thread starts.
#[cfg(target_pointer_width = "64")]
const TOO_MUCH: &str = "1000000000000000000";

#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn where_no_thread_starts_a_cut_exit_is_reported_as_lost() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_without_threads")).env("RUST_MIN_STACK", TOO_MUCH).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), include_str!("without_threads.out"), "{error}");
}

#[test]
fn where_one_starts_it_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_without_threads")).output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("told cancelled").count(), 4, "{said}");
    assert!(!said.contains("lost"), "{said}");
}
