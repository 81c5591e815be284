//! What others see who read and write the same file.

use std::sync::atomic::{AtomicBool, Ordering};

use std::{fs, thread};

use async_with::async_with;

use async_with::managers::AtomicFile;

use futures::future::join_all;

use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::common::files::names;

use crate::{old, read, replace, whole};

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
