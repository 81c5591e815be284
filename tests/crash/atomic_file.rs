//! `AtomicFile`: the target has the old content or the new one, of whatever size, and little is left beside it.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::iter;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use async_with::async_with;
use async_with::managers::AtomicFile;
use tokio::io::AsyncWriteExt;

use crate::common::files::names;
use crate::common::kills::{Random, Worker, kills, say_done};

const SIZES: [usize; 6] = [0, 1, 5_000, 300_000, 1 << 20, 4 << 20];

/// The content that is the `number`-th: each part of it follows from that, and it begins with it.
fn content(number: u64) -> Vec<u8> {
    let mut random = Random::from_seed(number);
    let size = SIZES[random.below(SIZES.len())];
    // Of an odd length, so that no two blocks of the disk are equal.
    let part: Vec<u8> =
        iter::repeat_with(|| random.number().to_le_bytes()).take(500).flatten().skip(1).collect();
    let mut content = number.to_le_bytes().to_vec();
    content.extend(part.repeat(size / part.len() + 1));
    content.truncate(8 + size);
    content
}

/// Which content it is. It has all of it, and nothing else.
fn number_of(path: &Path) -> u64 {
    let found = fs::read(path).expect("it is never missing");
    let number = u64::from_le_bytes(*found.first_chunk().expect("it begins with its number"));
    assert!(found == content(number), "{number} is not whole: {} bytes", found.len());
    number
}

/// In the process that is killed: replaces the file by the next content, over and over.
async fn replace_for_ever(path: &Path) {
    for number in number_of(path) + 1.. {
        let content = content(number);
        async_with!(AtomicFile::create(path) as file => {
            // In several pieces, as real content comes.
            for part in content.chunks(1_000_000) {
                file.write_all(part).await.unwrap();
            }
        })
        .unwrap();
        say_done(number);
    }
}

const TARGET: &str = "ASYNC_WITH_TEST_TARGET";

#[tokio::test]
async fn a_file_that_is_replaced_is_always_whole_and_each_kill_leaves_one_temporary_file_at_most() {
    if let Some(target) = env::var_os(TARGET) {
        return replace_for_ever(Path::new(&target)).await;
    }
    let (mut random, kills) = (Random::new(), kills(20));
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    fs::write(&target, content(1)).unwrap();
    let (mut before, mut left, mut half_way) = (1, BTreeSet::new(), 0);
    for _ in 0..kills {
        let test = "atomic_file::a_file_that_is_replaced_is_always_whole_and_each_kill_leaves_one_temporary_file_at_most";
        let writer = Worker::start(test, TARGET, &target);
        let mut reported = before;
        for _ in 0..=random.below(4) {
            reported = writer.done().expect("it is at it");
            assert!(number_of(&target) >= reported, "a reader sees what has been reported");
        }
        sleep(random.moment(Duration::from_millis(30)));
        let reported = writer.kill().unwrap_or(reported);

        let found = number_of(&target);
        assert!(found == reported || found == reported + 1, "{found} after {reported}");
        let now: BTreeSet<_> = names(folder.path()).into_iter().filter(|name| name != "target").collect();
        assert!(now.is_superset(&left), "the next writer does not touch what others have left");
        for name in now.difference(&left) {
            let random = name.strip_prefix(".target.").and_then(|rest| rest.strip_suffix(".tmp"));
            let random = random.expect("it is named as documented");
            assert!(random.len() == 6 && random.chars().all(char::is_alphanumeric), "{name}");
        }
        assert!(now.len() <= left.len() + 1, "{now:?}");
        half_way += usize::from(now.len() > left.len());
        (before, left) = (found, now);
    }
    assert!(half_way > 0, "none was killed in the midst of it");
    println!("{kills} kills, {half_way} in a block; {before} contents");
}
