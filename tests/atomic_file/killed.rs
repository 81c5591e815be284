//! What a process leaves that is killed.

use std::io::{BufRead, BufReader};

use std::path::Path;

use std::process::{Child, Stdio};

use std::{env, fs};

use async_with::async_with;

use async_with::managers::AtomicFile;

use tokio::io::AsyncWriteExt;

use crate::common::files::{again, eventually, names};

use crate::{is_temporary, old, read, replace, whole};

const WRITER: &str = "ASYNC_WITH_TEST_WRITER";

/// In the process that the test starts: does what the test is to interrupt, for ever.
async fn being_killed() -> Option<std::convert::Infallible> {
    let target = env::var_os(WRITER)?;
    for turn in (0..=u8::MAX).cycle() {
        replace(Path::new(&target), turn).await;
    }
    None
}

async fn being_killed_in_the_body() -> Option<std::convert::Infallible> {
    let target = env::var_os(WRITER)?;
    async_with!(AtomicFile::create(target) as file => {
        file.write_all(b"half of the new").await.unwrap();
        file.flush().await.unwrap();
        println!("half-way");
        std::future::pending().await
    })
    .unwrap()
}

fn start(test: &str, target: &Path) -> Child {
    let mut command = again(&env::current_exe().unwrap(), test);
    command.env(WRITER, target).stdout(Stdio::piped()).spawn().unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was still at it");
}

#[tokio::test]
async fn a_writer_that_is_killed_at_any_time_leaves_a_whole_file() {
    being_killed().await;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    replace(&target, 255).await;
    for round in 0..12 {
        let writer = start("killed::a_writer_that_is_killed_at_any_time_leaves_a_whole_file", &target);
        let mut turns = 0;
        let mut last = whole(&fs::read(&target).unwrap());
        eventually("the file changes", || {
            let now = whole(&fs::read(&target).unwrap());
            turns += usize::from(now != last);
            last = now;
            turns > round
        });
        kill(writer);
        whole(&fs::read(&target).unwrap());
    }
    assert!(names(folder.path()).iter().all(|name| name == "target" || is_temporary(name, "target")));
    replace(&target, 1).await;
    assert_eq!(whole(&fs::read(&target).unwrap()), 1, "what was left behind is in nobody's way");
}

#[tokio::test]
async fn a_writer_that_is_killed_in_the_body_leaves_the_old_file_and_one_that_can_be_recognised() {
    being_killed_in_the_body().await;
    let (folder, target) = old();
    let mut writer = start(
        "killed::a_writer_that_is_killed_in_the_body_leaves_the_old_file_and_one_that_can_be_recognised",
        &target,
    );
    let output = BufReader::new(writer.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap().ends_with("half-way")));
    kill(writer);
    assert_eq!(read(&target), "old");
    let left = names(folder.path());
    assert_eq!((left.len(), left[1].as_str()), (2, "target"));
    assert!(is_temporary(&left[0], "target"), "{left:?}");
}
