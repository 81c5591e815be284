//! The examples as programs.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// An example, built as this test was. `cargo test` has built it already, but `cargo test --test NAME` has not: it would find
/// no example, or an old one.
pub fn built(name: &str) -> PathBuf {
    let test = env::current_exe().expect("the test knows its own path");
    let folder = test.ancestors().nth(2).expect("the test is in TARGET/PROFILE/deps");
    let (target, profile) = (folder.parent().unwrap(), folder.file_name().unwrap());
    let profile = if profile == "debug" { "dev".as_ref() } else { profile };
    let features = [
        ("default", cfg!(feature = "default")),
        ("tokio", cfg!(feature = "tokio")),
        ("sqlx", cfg!(feature = "sqlx")),
        ("tracing", cfg!(feature = "tracing")),
    ];
    let features: Vec<_> = features.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--example", name]);
    cargo.args(["--no-default-features", "--features", &features.join(",")]);
    cargo.arg("--target-dir").arg(target).arg("--profile").arg(profile);
    assert!(cargo.status().expect("cargo starts").success());
    folder.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX))
}
