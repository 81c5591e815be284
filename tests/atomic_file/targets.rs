//! Paths, and what they may name.

use std::io::{self, ErrorKind};
use std::{env, fs};

use async_with::async_with;
use async_with::managers::{AtomicFile, AtomicFileError};
use tokio::io::AsyncWriteExt;

use crate::common::files::names;
use crate::common::trace::losses;
use crate::{error_of, is_temporary, kind, old, read, replace, whole};

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
