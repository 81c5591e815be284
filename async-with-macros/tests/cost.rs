//! What an expansion costs: how much code it is, and the work to draw it. Counted, so that it is the same on each machine.
//! Refresh with `UPDATE_EXPECT=1 cargo test -p async-with-macros --test cost`, and say in the commit why it has grown.
//!
//! The modules of the macros are compiled into this test, which has a process, and so an allocator, of its own.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes them")]
#![allow(dead_code, reason = "not all of the macros is called here")]

#[path = "../src/expand.rs"]
mod expand;
#[path = "../src/facade.rs"]
mod facade;
#[path = "../src/function.rs"]
mod function;
#[path = "../src/jumps.rs"]
mod jumps;
#[path = "../src/level.rs"]
mod level;
#[path = "../src/mistakes.rs"]
mod mistakes;
#[path = "../src/parse.rs"]
mod parse;
#[path = "../src/scoped/mod.rs"]
mod scoped;
#[path = "../src/tokens.rs"]
mod tokens;
#[path = "../src/unfinished.rs"]
mod unfinished;
#[path = "../src/within.rs"]
mod within;

use std::alloc::System;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::thread;

use expect_test::expect;
use proc_macro2::{TokenStream, TokenTree};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::parse::Flavour;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test at a time: the allocator counts for all threads.
static ALONE: Mutex<()> = Mutex::new(());

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("it is Rust")
}

fn expanded(block: &str) -> TokenStream {
    expand::invocation(Flavour::Async, tokens(&format!("(::async_with) {block}")))
}

fn size(tokens: TokenStream) -> usize {
    tokens
        .into_iter()
        .map(|tree| match tree {
            // With the two delimiters.
            TokenTree::Group(group) => 2 + size(group.stream()),
            _ => 1,
        })
        .sum()
}

/// How many tokens a block is, without those that the user has written.
#[test]
fn an_expansion_is_so_large() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sizes = String::new();
    for block in [
        "m as x => { x }",
        "m as x => { f(x)? }",
        "m as x => { break }",
        "m as x => { break 'outer x }",
        "m as x, m as y => { x }",
        "m as x, m as y => { f(x)? }",
        "m as x, m as y, m as z => { x }",
        "m as x => { async_with!(m as y => { break }) }",
    ] {
        let more = size(expanded(block)) - size(tokens(block));
        writeln!(sizes, "{block}: {more}").expect("a string can be written to");
    }
    expect![[r#"
        m as x => { x }: 629
        m as x => { f(x)? }: 677
        m as x => { break }: 694
        m as x => { break 'outer x }: 766
        m as x, m as y => { x }: 1220
        m as x, m as y => { f(x)? }: 1333
        m as x, m as y, m as z => { x }: 1781
        m as x => { async_with!(m as y => { break }) }: 1436
    "#]]
    .assert_eq(&sizes);
}

/// How many bytes are allocated for an expansion: what is parsed and drawn goes through memory.
fn work(block: &str) -> usize {
    let input = tokens(&format!("(::async_with) {block}"));
    let region = Region::new(ALLOCATOR);
    let output = expand::invocation(Flavour::Async, input);
    let work = region.change().bytes_allocated;
    drop(output);
    work
}

/// Twice as many blocks in each other are about twice as much work. They were four times as much when what was drawn for a block
/// was parsed again for each block around it. What is left above two is that each block is looked through for jumps.
#[test]
fn blocks_in_blocks_are_linear_work() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let deep = |before: &str, after: &str, depth: usize| {
        work(&format!("{}m => {{ break 'outer x }}{}", before.repeat(depth), after.repeat(depth)))
    };
    // What the compiler gives the thread that macros run in.
    let measured = thread::Builder::new().stack_size(8 << 20).spawn(move || {
        for (before, after) in [
            ("m as x => { async_with!(", "); }"),
            ("m as x => { f(async_with!(", ")) }"),
            ("m as x => { if x { async_with!(", ")?; } else { continue } }"),
            ("m, async_with!(", ") as x => { x }"),
            ("async_with!(", ") as x => { x }"),
        ] {
            let [half, whole] = [40, 80].map(|depth| deep(before, after, depth));
            println!("{before}…{after}: {half} bytes for 40 blocks, {whole} for 80");
            assert!(whole < 3 * half, "{before}…{after}: {half} bytes for 40 blocks, {whole} for 80");
        }
    });
    measured.expect("a thread can be started").join().expect("the work is linear");
}
