//! The errors of a group.

use async_with::managers::{ChildError, NoOutput, TaskGroup};
use async_with::{AsyncContextManagerExt, async_with};
use tokio::task::JoinError;

#[derive(Debug, thiserror::Error)]
#[error("the page is missing")]
struct Missing;

#[test]
fn can_be_sent_and_shared() {
    fn check<T: std::error::Error + Send + Sync + 'static>() {}
    check::<ChildError<Missing>>();
    check::<NoOutput>();
}

#[tokio::test]
async fn leave_by_the_question_mark_with_their_source() {
    async fn fetch() -> anyhow::Result<()> {
        async_with!(TaskGroup::new() as group => {
            group.spawn(async { Err::<(), _>(Missing) });
        })?;
        Ok(())
    }

    let error = fetch().await.unwrap_err();
    assert_eq!(format!("{error:#}"), "a child of the task group failed: the page is missing");
    assert!(error.root_cause().is::<Missing>());
}

#[tokio::test]
async fn of_a_panic_say_so() {
    async fn fetch() -> anyhow::Result<()> {
        async_with!(TaskGroup::<Missing>::new() as group => {
            group.spawn(async { if true { panic!("out of pages") } else { Ok(()) } });
        })?;
        Ok(())
    }

    let error = format!("{:#}", fetch().await.unwrap_err());
    assert!(error.starts_with("a child of the task group panicked: task "), "{error}");
    assert!(error.ends_with(r#"panicked with message "out of pages""#), "{error}");
}

#[tokio::test]
async fn that_are_no_errors_themselves_are_flattened() {
    async fn fetch(panics: bool) -> anyhow::Result<()> {
        let group = TaskGroup::<anyhow::Error>::new().map_err(ChildError::flatten);
        async_with!(group as group => {
            group.spawn(async move {
                assert!(!panics, "out of pages");
                Err::<(), _>(Missing.into())
            });
        })?;
        Ok(())
    }

    assert!(fetch(false).await.unwrap_err().is::<Missing>());
    assert!(fetch(true).await.unwrap_err().is::<JoinError>());
}
