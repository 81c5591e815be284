//! What the README says of `panic = "abort"`.

#![deny(warnings, clippy::all, clippy::pedantic)]

use std::path::Path;
use std::process::Command;

#[test]
fn where_panics_abort_each_exit_runs_but_after_a_panic() {
    let program = Path::new(env!("CARGO_BIN_EXE_aborts"));
    // Beside the others, of which it shares the macros, that are built for unwinding all the same.
    let target = program.ancestors().nth(2).expect("the program is in TARGET/PROFILE");
    let built = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--bin", "aborts", "--profile", "dev", "--target-dir"])
        .arg(target)
        .env("CARGO_PROFILE_DEV_PANIC", "abort")
        .status()
        .unwrap();
    assert!(built.success());
    let output = Command::new(target.join("debug").join(program.file_name().unwrap())).output().unwrap();
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said: Vec<_> = said.lines().collect();
    assert_eq!(said, ["told completed", "told failed", "told cancelled", "and now a panic"], "{error}");
    assert!(error.contains("the body panics"), "{error}");
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(output.status.signal(), Some(6), "SIGABRT");
    }
    assert!(!output.status.success());
}
