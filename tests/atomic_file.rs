//! A file is replaced as a whole, or not at all, and nothing is left beside it.

#![cfg(all(feature = "tokio", not(target_family = "wasm")))]
#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::cell::Cell;
use std::env;
use std::error::Error as _;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use async_with::async_with;
use async_with::managers::{AtomicFile, AtomicFileError};
use futures::future::join_all;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::common::files::{FAILURES, SUCCESSES, again, cut_after_and_settle, eventually, leave, names, run};
use crate::common::trace::{Trace, losses};

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

// What readers see.

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_files_while_several_writers_replace_them() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    replace(&target, 0).await;
    let done = AtomicBool::new(false);
    let target = &target;
    thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                seen.push(whole(&fs::read(target).unwrap()));
            }
            seen.dedup();
            seen.len()
        });
        let writer = |number: u8| async move {
            for _ in 0..10 {
                replace(target, number).await;
            }
        };
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(join_all((1..=4).map(writer)));
        });
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 1, "it saw the file change");
    });
    assert_eq!(names(folder.path()), ["target"]);
}

#[tokio::test]
async fn of_two_writers_the_last_to_succeed_wins() {
    let (folder, target) = old();
    async_with!(AtomicFile::create(&target) as slow => {
        slow.write_all(b"slow").await.unwrap();
        async_with!(AtomicFile::create(&target) as fast => { fast.write_all(b"fast").await.unwrap() }).unwrap();
        assert_eq!(read(&target), "fast");
    })
    .unwrap();
    assert_eq!((read(&target).as_str(), names(folder.path())), ("slow", vec!["target".into()]));
}

#[tokio::test]
async fn what_has_been_written_can_be_read_back_in_the_body() {
    let (_folder, target) = old();
    let mut text = String::new();
    async_with!(AtomicFile::create(&target) as file => {
        assert_eq!(file.read_to_string(&mut text).await.unwrap(), 0, "it begins empty");
        file.write_all(b"new").await.unwrap();
        file.rewind().await.unwrap();
        file.read_to_string(&mut text).await.unwrap();
    })
    .unwrap();
    assert_eq!(text, "new");
}

// Killed.

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
        let writer = start("a_writer_that_is_killed_at_any_time_leaves_a_whole_file", &target);
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

/// As documented.
fn is_temporary(name: &str, target: &str) -> bool {
    let middle = name.strip_prefix(&format!(".{target}.")).and_then(|rest| rest.strip_suffix(".tmp"));
    middle.is_some_and(|middle| {
        middle.len() == 6 && middle.chars().all(|letter| letter.is_ascii_alphanumeric())
    })
}

#[tokio::test]
async fn a_writer_that_is_killed_in_the_body_leaves_the_old_file_and_one_that_can_be_recognised() {
    being_killed_in_the_body().await;
    let (folder, target) = old();
    let mut writer = start(
        "a_writer_that_is_killed_in_the_body_leaves_the_old_file_and_one_that_can_be_recognised",
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

// Targets.

#[tokio::test]
async fn a_long_name_is_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("é".repeat(127));
    replace(&target, 1).await;
    assert_eq!(whole(&fs::read(&target).unwrap()), 1);
    async_with!(AtomicFile::create(&target) => {
        let temporary = names(folder.path()).remove(0);
        assert!(is_temporary(&temporary, &"é".repeat(100)), "{temporary}");
    })
    .unwrap();
}

// The other tests use absolute paths alone, for the working directory is that of the whole process.
#[tokio::test]
async fn a_relative_path_means_what_it_meant_at_the_beginning() {
    let (folder, target) = old();
    let elsewhere = tempfile::tempdir().unwrap();
    let before = env::current_dir().unwrap();
    env::set_current_dir(&folder).unwrap();
    async_with!(AtomicFile::create("target") as file => {
        file.write_all(b"new").await.unwrap();
        env::set_current_dir(&elsewhere).unwrap();
    })
    .unwrap();
    env::set_current_dir(before).unwrap();
    assert_eq!((read(&target).as_str(), names(folder.path())), ("new", vec!["target".into()]));
    assert_eq!(names(elsewhere.path()), [""; 0]);
}

#[tokio::test]
async fn a_path_that_names_no_file_is_refused() {
    let (folder, target) = old();
    let in_it = |name: &str| folder.path().join(name).into_os_string().into_string().unwrap();
    for path in ["", "/", ".", "..", &in_it(".."), &in_it("new/"), &in_it("new/."), &in_it("target/")] {
        let error = error_of(path).await;
        assert!(matches!(error, AtomicFileError::Create { .. }), "{error:?}");
        assert_eq!(kind(&error), ErrorKind::InvalidInput, "{error:?}");
        assert_eq!(error.to_string(), format!("cannot make a temporary file beside `{path}`"));
    }
    let beneath_a_file = error_of(target.join("target")).await;
    assert!(matches!(beneath_a_file, AtomicFileError::Create { .. }));
    assert_eq!(kind(&beneath_a_file), ErrorKind::NotADirectory);
    assert_eq!(kind(&error_of(in_it("a\0b")).await), ErrorKind::InvalidInput);
    assert_eq!(names(folder.path()), ["target"]);
}

#[tokio::test]
async fn a_folder_that_does_not_exist_is_an_error_of_enter() {
    let (folder, _) = old();
    let error = error_of(folder.path().join("no/such/target")).await;
    assert!(matches!(error, AtomicFileError::Create { .. }), "{error:?}");
    assert_eq!(kind(&error), ErrorKind::NotFound);
    assert_eq!(names(folder.path()), ["target"]);
}

#[tokio::test]
async fn a_directory_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let error = error_of(folder.path()).await;
    assert!(matches!(error, AtomicFileError::Create { .. }), "{error:?}");
    assert_eq!(kind(&error), ErrorKind::IsADirectory);
}

#[tokio::test]
async fn a_target_that_becomes_a_directory_meanwhile_is_an_error_of_the_rename() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    let error = async_with!(AtomicFile::create(&target) => { fs::create_dir(&target).unwrap() }).unwrap_err();
    assert!(matches!(error, AtomicFileError::Rename { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot put the new file in the place of `{}`", target.display()));
    assert_eq!(names(folder.path()), ["target"], "the temporary file is gone");
    let error = io::Error::from(error);
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
    assert!(error.get_ref().unwrap().is::<AtomicFileError>());
}

#[tokio::test]
async fn a_temporary_file_that_the_body_has_removed_is_an_error_of_success_alone() {
    let (folder, target) = old();
    let lost = losses();
    let remove = || {
        let temporary = names(folder.path()).remove(0);
        assert!(is_temporary(&temporary, "target"));
        fs::remove_file(folder.path().join(temporary)).unwrap();
    };
    let succeeded = async_with!(AtomicFile::create(&target) => { remove() });
    assert!(matches!(succeeded, Err(AtomicFileError::Rename { .. })), "{succeeded:?}");
    let failed = async_with!(AtomicFile::create(&target) => {
        remove();
        Err::<(), _>("the body failed")
    });
    assert_eq!(failed.unwrap(), Err("the body failed"));
    assert_eq!(lost.of(folder.path().to_str().unwrap()).len(), 0);
    assert_eq!(names(folder.path()), ["target"]);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use async_with::Outcome;

    use super::*;
    use crate::common::files::{Disk, ran_as_nobody};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn the_permissions_of_the_target_are_kept() {
        let (folder, target) = old();
        // Less than the umask allows, and more.
        for permissions in [0o600, 0o640, 0o666, 0o777, 0o444] {
            set_mode(&target, permissions);
            async_with!(AtomicFile::create(&target) => {
                let temporary = folder.path().join(names(folder.path()).remove(0));
                assert_eq!(mode(&temporary), permissions, "from the beginning");
            })
            .unwrap();
            assert_eq!(mode(&target), permissions);
        }
    }

    #[tokio::test]
    async fn a_new_target_has_the_permissions_of_any_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let (target, other) = (folder.path().join("target"), folder.path().join("other"));
        replace(&target, 1).await;
        fs::write(&other, "").unwrap();
        assert_eq!(mode(&target), mode(&other));
    }

    #[tokio::test]
    async fn symbolic_links_are_followed_and_stay() {
        let (folder, target) = old();
        let links = folder.path().join("links");
        fs::create_dir(&links).unwrap();
        let (link, chain, dangling) = (links.join("link"), links.join("chain"), links.join("dangling"));
        symlink("../target", &link).unwrap();
        symlink(&link, &chain).unwrap();
        symlink("../new", &dangling).unwrap();
        for (path, ends_at) in [(&link, "target"), (&chain, "target"), (&dangling, "new")] {
            let ends_at = folder.path().join(ends_at);
            async_with!(AtomicFile::create(path) as file => {
                assert_eq!(names(&links), ["chain", "dangling", "link"], "the temporary file is beside the file");
                file.write_all(path.as_os_str().as_encoded_bytes()).await.unwrap();
            })
            .unwrap();
            assert!(fs::symlink_metadata(path).unwrap().is_symlink());
            assert_eq!(Path::new(&read(&ends_at)), path);
        }
        assert_eq!(names(folder.path()), ["links", "new", "target"]);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("../target"));
        assert_eq!(Path::new(&read(&target)), chain);
    }

    #[tokio::test]
    async fn links_in_a_circle_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        symlink(&one, &two).unwrap();
        symlink(&two, &one).unwrap();
        let error = error_of(&one).await;
        assert!(matches!(error, AtomicFileError::Create { .. }), "{error:?}");
        assert_eq!(names(folder.path()), ["one", "two"]);
    }

    #[tokio::test]
    async fn what_is_not_a_regular_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [&socket, Path::new("/dev/null")] {
            let error = error_of(path).await;
            assert!(matches!(error, AtomicFileError::Create { .. }), "{error:?}");
            assert_eq!(kind(&error), ErrorKind::InvalidInput);
            assert_eq!(error.source().unwrap().to_string(), "it is not a regular file");
        }
        assert_eq!(names(folder.path()), ["socket"]);
    }

    #[tokio::test]
    async fn a_read_only_folder_is_an_error_of_enter() {
        if ran_as_nobody("unix::a_read_only_folder_is_an_error_of_enter") {
            return;
        }
        let (folder, target) = old();
        set_mode(folder.path(), 0o555);
        let error = error_of(&target).await;
        assert!(matches!(error, AtomicFileError::Create { .. }), "{error:?}");
        assert_eq!(kind(&error), ErrorKind::PermissionDenied);
        assert_eq!((read(&target).as_str(), names(folder.path())), ("old", vec!["target".into()]));
        set_mode(folder.path(), 0o755);
    }

    #[tokio::test]
    async fn a_folder_that_becomes_read_only_in_the_body_is_reported_with_what_is_left_there() {
        if ran_as_nobody(
            "unix::a_folder_that_becomes_read_only_in_the_body_is_reported_with_what_is_left_there",
        ) {
            return;
        }
        let lost = losses();
        for succeeds in [true, false] {
            let (folder, target) = old();
            let line = line!() + 1;
            let ended = async_with!(AtomicFile::create(&target) => {
                set_mode(folder.path(), 0o555);
                if succeeds { Ok(()) } else { Err("the body failed") }
            });
            if succeeds {
                let error = ended.unwrap_err();
                assert!(matches!(error, AtomicFileError::Rename { .. }), "{error:?}");
                assert_eq!(kind(&error), ErrorKind::PermissionDenied);
            } else {
                assert_eq!(ended.unwrap(), Err("the body failed"));
            }
            let left = folder.path().join(names(folder.path()).remove(0));
            let lost = lost.of(left.to_str().unwrap());
            assert_eq!(lost.len(), 1);
            assert!(lost[0].error.starts_with("Remove {"), "{lost:?}");
            assert!(lost[0].manager.ends_with("::AtomicFile"), "{lost:?}");
            let outcome = if succeeds { Outcome::Completed } else { Outcome::Failed };
            assert_eq!((lost[0].file, lost[0].line, lost[0].outcome), (file!(), line, outcome));
            assert_eq!(read(&target), "old");
            set_mode(folder.path(), 0o755);
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_synced_is_reported_and_the_new_content_is_in_place() {
        if ran_as_nobody("unix::a_folder_that_cannot_be_synced_is_reported_and_the_new_content_is_in_place") {
            return;
        }
        let (folder, target) = old();
        set_mode(folder.path(), 0o333);
        let error = error_of(&target).await;
        assert!(matches!(error, AtomicFileError::SyncFolder { .. }), "{error:?}");
        assert_eq!(kind(&error), ErrorKind::PermissionDenied);
        set_mode(folder.path(), 0o755);
        assert_eq!((read(&target).as_str(), names(folder.path())), ("new", vec!["target".into()]));
    }

    #[tokio::test]
    async fn a_read_only_file_system_is_an_error_of_enter() {
        let Some(disk) = Disk::mount("size=1m") else { return };
        let target = disk.path().join("target");
        fs::write(&target, "old").unwrap();
        disk.remount("ro");
        let error = error_of(&target).await;
        assert!(matches!(error, AtomicFileError::Create { .. }), "{error:?}");
        assert_eq!(kind(&error), ErrorKind::ReadOnlyFilesystem);
        assert_eq!(read(&target), "old");
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_leaves_the_old_file_and_the_space_as_they_were() {
        let Some(disk) = Disk::mount("size=256k") else { return };
        let target = disk.path().join("target");
        fs::write(&target, "old").unwrap();
        let large = vec![1; 1_000_000];

        // One write, of which the file tells only when it is flushed.
        let error =
            async_with!(AtomicFile::create(&target) as file => { file.write_all(&large).await.unwrap() })
                .unwrap_err();
        assert!(matches!(error, AtomicFileError::Write { .. }), "{error:?}");
        assert_eq!(kind(&error), ErrorKind::StorageFull);
        assert_eq!(error.to_string(), format!("cannot write the new content of `{}`", target.display()));
        assert_eq!((read(&target).as_str(), names(disk.path())), ("old", vec!["target".into()]));

        // Another, which fails for the first.
        let failed = async_with!(AtomicFile::create(&target) as file => {
            file.write_all(&large).await.unwrap();
            file.write_all(&large).await
        });
        assert_eq!(failed.unwrap().unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!((read(&target).as_str(), names(disk.path())), ("old", vec!["target".into()]));

        // Other children of this process may have the file open for a moment, until they run their program.
        let probe = disk.path().join("probe");
        eventually("the space is free", || fs::write(&probe, &large[..200_000]).is_ok());
        fs::remove_file(probe).unwrap();
        replace(&target, 1).await;
        assert_eq!(whole(&fs::read(&target).unwrap()), 1);
    }
}
