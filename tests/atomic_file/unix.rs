//! Permissions, links and disks.

use std::error::Error as _;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use async_with::managers::{AtomicFile, AtomicFileError};
use async_with::{Outcome, async_with};
use tokio::io::AsyncWriteExt;

use crate::common::files::{Disk, eventually, names, ran_as_nobody};
use crate::common::trace::losses;
use crate::{error_of, kind, old, read, replace, whole};

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
    if ran_as_nobody("unix::a_folder_that_becomes_read_only_in_the_body_is_reported_with_what_is_left_there")
    {
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
    let error = async_with!(AtomicFile::create(&target) as file => { file.write_all(&large).await.unwrap() })
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
