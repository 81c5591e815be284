//! The page of mistakes, `docs/guide/mistakes.md`, made from the ui tests, and the fixes that it shows, compiled and run.
//!
//! What is on the page, and in which order, is in `contents.rs`. Refresh with `UPDATE_EXPECT=1 cargo test --test gallery`.

#![deny(warnings, clippy::all, clippy::pedantic)]

mod contents;
#[path = "../ui_support/mod.rs"]
mod managers;
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::contents::{CHAPTERS, INTRODUCTION, LEFT_OUT, LeftOut};
use crate::page::{Mistake, anchor};

fn in_tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(in_tests(path)).unwrap_or_else(|error| panic!("tests/{path}: {error}"))
}

fn mistake(name: &str) -> Mistake {
    Mistake {
        wrong: read(&format!("ui/{name}.rs")),
        answer: read(&format!("ui/{name}.stderr")),
        right: read(&format!("ui/fixed/{name}.rs")),
    }
}

/// The names of the Rust files in a folder.
fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(in_tests(folder)).unwrap().map(|entry| entry.unwrap().path());
    let sources = entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    sources.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn shown() -> impl Iterator<Item = &'static str> {
    CHAPTERS.iter().flat_map(|chapter| chapter.mistakes).copied()
}

fn page() -> String {
    let managers = page::managers(&read("ui_support/mod.rs"));
    let mut paragraphs = vec![INTRODUCTION.replace("MANAGERS", &managers), contents()];
    for chapter in CHAPTERS {
        paragraphs.push(format!("## {}", chapter.title));
        paragraphs.push(chapter.introduction.to_owned());
        paragraphs.extend(chapter.mistakes.iter().flat_map(|name| mistake(name).paragraphs()));
    }
    paragraphs.join("\n\n") + "\n"
}

fn contents() -> String {
    let mut lines = Vec::new();
    for chapter in CHAPTERS {
        lines.push(format!("- [{}](#{})", chapter.title, anchor(chapter.title)));
        let titles = chapter.mistakes.iter().map(|name| mistake(name).title());
        lines.extend(titles.map(|title| format!("  - [{title}](#{})", anchor(&title))));
    }
    lines.join("\n")
}

#[test]
fn the_page_is_that_of_the_ui_tests() {
    expect_test::expect_file!["../../docs/guide/mistakes.md"].assert_eq(&page());
}

#[test]
fn each_ui_test_is_on_the_page_or_left_out_for_a_reason() {
    let mut decided = BTreeMap::new();
    for name in shown().chain(LEFT_OUT.iter().map(|(name, _)| *name)) {
        *decided.entry(name.to_owned()).or_insert(0) += 1;
    }
    let twice: Vec<_> = decided.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "twice in tests/gallery/contents.rs: {twice:?}");
    let decided: BTreeSet<_> = decided.into_keys().collect();
    let tests = names_in("ui");
    let undecided: Vec<_> = tests.difference(&decided).collect();
    assert!(
        undecided.is_empty(),
        "put into a chapter or `LEFT_OUT` of tests/gallery/contents.rs: {undecided:?}"
    );
    let gone: Vec<_> = decided.difference(&tests).collect();
    assert!(gone.is_empty(), "in tests/gallery/contents.rs, but not in tests/ui: {gone:?}");
}

#[test]
fn what_is_left_out_for_its_likeness_is_like_one_on_the_page() {
    for (name, reason) in LEFT_OUT {
        if let LeftOut::Like(other) = reason {
            assert!(shown().any(|shown| shown == *other), "{name} is like {other}, which is not on the page");
        }
    }
}

/// That a fix on the page is among the modules is checked by the compiler, in `contents.rs`.
#[test]
fn each_fix_is_on_the_page() {
    let shown: BTreeSet<_> = shown().map(str::to_owned).collect();
    let unused: Vec<_> = names_in("ui/fixed").difference(&shown).cloned().collect();
    assert!(unused.is_empty(), "a fix of what is in no chapter: {unused:?}");
}

#[test]
fn each_mistake_is_explained_and_each_fix_runs() {
    for name in shown() {
        let Mistake { right, .. } = mistake(name);
        assert!(right.starts_with("//! "), "tests/ui/fixed/{name}.rs does not begin with an explanation");
        let tests = right.lines().filter(|line| matches!(*line, "#[test]" | "#[tokio::test]"));
        assert_eq!(tests.count(), 1, "tests/ui/fixed/{name}.rs has one test");
    }
}

#[test]
fn no_two_headings_have_one_anchor() {
    let mut seen = BTreeSet::new();
    let page = page();
    for heading in page.lines().filter_map(|line| line.strip_prefix("##")) {
        let anchor = anchor(heading.trim_start_matches('#').trim());
        assert!(seen.insert(anchor.clone()), "two headings are #{anchor}");
    }
    let contents = 1;
    assert_eq!(seen.len(), contents + CHAPTERS.len() + shown().count());
}
