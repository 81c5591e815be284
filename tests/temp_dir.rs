//! A temporary folder is gone after the block, or kept after a failure if that was asked for.

#![cfg(all(feature = "tokio", not(target_family = "wasm")))]
#![deny(warnings, clippy::all, clippy::pedantic)]

mod common;

use std::cell::Cell;
use std::error::Error as _;
use std::fs;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_with::async_with;
use async_with::managers::{TempDir, TempDirError};

use futures::future::join_all;

use crate::common::files::{FAILURES, SUCCESSES, cut_after_and_settle, leave, names, run};
use crate::common::trace::Trace;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Something to be removed: files, folders in folders, and what is no file at all.
fn fill(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder.join("a/b/c"))?;
    fs::write(folder.join("a/b/file"), "text")?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.join(".."), folder.join("a/link"))?;
    Ok(())
}

async fn fill_one(manager: TempDir, way: &'static str, trace: Trace) -> Result {
    let mut manager = Some(manager);
    while let Some(manager) = manager.take() {
        async_with!(manager as dir => {
            fill(dir)?;
            match way {
                "returned" => return Ok(()),
                "broke" => break,
                "continued" => continue,
                way => leave(way, &trace).await?,
            }
        })?;
    }
    Ok(())
}

#[tokio::test]
async fn it_is_removed_with_all_that_is_in_it_on_every_way_out() {
    for way in SUCCESSES.into_iter().chain(FAILURES) {
        let (outside, trace) = (tempfile::tempdir().unwrap(), Trace::new());
        fs::write(outside.path().join("other"), "stays").unwrap();
        let manager = TempDir::new().in_dir(outside.path());
        let ended = run(way, &trace, fill_one(manager, way, trace.clone())).await;
        assert_eq!(matches!(ended, Ok(Ok(()))), SUCCESSES.contains(&way), "{way}: {ended:?}");
        assert_eq!(names(outside.path()), ["other"], "{way}");
    }
}

#[tokio::test]
async fn it_is_kept_after_whatever_is_no_success_if_that_was_asked_for() {
    for way in SUCCESSES.into_iter().chain(FAILURES) {
        let (outside, trace) = (tempfile::tempdir().unwrap(), Trace::new());
        let manager = TempDir::new().in_dir(outside.path()).prefix("kept-").keep_on_failure();
        let _ = run(way, &trace, fill_one(manager, way, trace.clone())).await;
        let left = names(outside.path());
        if SUCCESSES.contains(&way) {
            assert_eq!(left, [""; 0], "{way}");
        } else {
            assert_eq!(left.len(), 1, "{way}");
            assert!(left[0].starts_with("kept-"), "it is told by its prefix: {left:?}");
            assert!(outside.path().join(&left[0]).join("a/b/file").is_file());
        }
    }
}

#[test]
fn dropped_at_every_poll_it_is_gone() {
    let body_ended = Cell::new(false);
    for polls in 0.. {
        let outside = tempfile::tempdir().unwrap();
        let whole = cut_after_and_settle(polls, async {
            async_with!(TempDir::new().in_dir(outside.path()) as dir => {
                fill(dir).unwrap();
                // Dropped, these go on, and put files there while it is being removed.
                join_all((0..8).map(|number| tokio::fs::write(dir.join(number.to_string()), "text"))).await;
                body_ended.set(true);
            })
        });
        assert_eq!(names(outside.path()), [""; 0], "dropped after {polls} polls");
        if let Some(ended) = whole {
            ended.unwrap();
            break;
        }
        assert!(polls < 100);
    }
    assert!(body_ended.get());
}

#[test]
fn it_is_removed_if_its_runtime_shuts_down_and_kept_if_that_was_asked_for() {
    for keep in [false, true] {
        let outside = tempfile::tempdir().unwrap();
        let manager = TempDir::new().in_dir(outside.path());
        let manager = if keep { manager.keep_on_failure() } else { manager };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let trace = Trace::new();
        runtime.spawn({
            let trace = trace.clone();
            async move {
                async_with!(manager as dir => {
                    fill(dir).unwrap();
                    trace.log("in the body");
                    pending::<()>().await;
                })
            }
        });
        runtime.block_on(trace.reached("in the body"));
        drop(runtime);
        assert_eq!(names(outside.path()).len(), usize::from(keep));
    }
}

#[tokio::test]
async fn each_has_a_name_of_its_own_that_is_absolute_and_a_copy_of_what_exit_knows() {
    let outside = tempfile::tempdir().unwrap();
    let manager = || TempDir::new().in_dir(outside.path());
    async_with!(manager() as one, manager() as two => {
        assert!(one.is_absolute() && two.is_absolute() && one != two);
        assert_eq!(names(outside.path()).len(), 2);
        *one = PathBuf::from("elsewhere");
        fs::create_dir(outside.path().join("bystander")).unwrap();
        *two = outside.path().join("bystander");
    })
    .unwrap();
    assert_eq!(names(outside.path()), ["bystander"]);
}

#[tokio::test]
async fn a_body_that_removes_it_does_no_harm() {
    let removed = async_with!(TempDir::default() as dir => { fs::remove_dir(&**dir).unwrap() });
    assert!(removed.is_ok(), "{removed:?}");
}

#[tokio::test]
async fn where_no_folder_can_be_made_is_an_error_of_enter() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("file");
    fs::write(&file, "text").unwrap();
    let nowhere = outside.path().join("no/such/folder");
    for (folder, expected) in [(nowhere, ErrorKind::NotFound), (file, ErrorKind::NotADirectory)] {
        let error = async_with!(TempDir::new().in_dir(&folder) => {}).unwrap_err();
        let TempDirError::Create { folder: path, source, .. } = &error else { panic!("{error:?}") };
        assert_eq!((path, source.kind()), (&folder, expected));
        assert_eq!(error.to_string(), format!("cannot make a temporary folder in `{}`", folder.display()));
        assert!(error.source().is_some());
        assert_eq!(io::Error::from(error).kind(), expected);
    }
    assert_eq!(names(outside.path()), ["file"]);
}

#[tokio::test]
async fn a_prefix_does_not_lead_elsewhere() {
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(outside.path().join("folder")).unwrap();
    for prefix in ["../", "/tmp/", "a/b", "a\0b"] {
        let manager = TempDir::new().in_dir(outside.path().join("folder")).prefix(prefix);
        let error = async_with!(manager => {}).unwrap_err();
        let TempDirError::Create { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.kind(), ErrorKind::InvalidInput, "{source}");
    }
    assert_eq!(names(outside.path()), ["folder"]);
    assert_eq!(names(&outside.path().join("folder")), [""; 0]);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::PermissionsExt;

    use async_with::Outcome;

    use super::*;
    use crate::common::files::{Disk, ran_as_nobody};
    use crate::common::trace::losses;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn only_its_owner_has_access() {
        let mode = async_with!(TempDir::new() as dir => { fs::metadata(dir).unwrap().permissions().mode() });
        assert_eq!(mode.unwrap() & 0o7777, 0o700);
    }

    #[tokio::test]
    async fn a_read_only_folder_is_an_error_of_enter() {
        if ran_as_nobody("unix::a_read_only_folder_is_an_error_of_enter") {
            return;
        }
        let outside = tempfile::tempdir().unwrap();
        set_mode(outside.path(), 0o555);
        let error = async_with!(TempDir::new().in_dir(outside.path()) => {}).unwrap_err();
        let TempDirError::Create { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.kind(), ErrorKind::PermissionDenied);
    }

    #[tokio::test]
    async fn one_that_cannot_be_removed_is_reported() {
        if ran_as_nobody("unix::one_that_cannot_be_removed_is_reported") {
            return;
        }
        for succeeds in [true, false] {
            let (outside, lost) = (tempfile::tempdir().unwrap(), losses());
            let mut was = PathBuf::new();
            let ended = async_with!(TempDir::new().in_dir(outside.path()) as dir => {
                was.clone_from(dir);
                fill(dir).unwrap();
                set_mode(&dir.join("a"), 0o555);
                if succeeds { Ok(()) } else { Err("the body failed") }
            });
            let lost = lost.of(was.to_str().unwrap());
            if succeeds {
                let error = ended.unwrap_err();
                let TempDirError::Remove { path, source, .. } = &error else { panic!("{error:?}") };
                assert_eq!((path, source.kind()), (&was, ErrorKind::PermissionDenied));
                let text = format!("cannot remove the temporary folder `{}`", was.display());
                assert_eq!(error.to_string(), text);
                assert_eq!(lost.len(), 0);
            } else {
                assert_eq!(ended.unwrap(), Err("the body failed"));
                assert_eq!((lost.len(), lost[0].outcome), (1, Outcome::Failed));
                assert!(lost[0].error.starts_with("Remove {"), "{lost:?}");
            }
            assert!(was.join("a").exists());
            set_mode(&was.join("a"), 0o755);
        }
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_of_enter() {
        let Some(disk) = Disk::mount("size=1m,nr_inodes=2") else { return };
        async_with!(TempDir::new().in_dir(disk.path()) => {
            let error = async_with!(TempDir::new().in_dir(disk.path()) => {}).unwrap_err();
            let TempDirError::Create { source, .. } = &error else { panic!("{error:?}") };
            assert_eq!(source.kind(), ErrorKind::StorageFull);
        })
        .unwrap();
        assert_eq!(names(disk.path()), [""; 0]);
    }
}
