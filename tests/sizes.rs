//! The future of a block grows linearly with the blocks around it. Run with `--nocapture` to see the sizes.

#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::never_loop, reason = "what is measured leaves the loop in its first turn")]

mod common;

use std::mem::size_of_val;

use async_with::{async_with, scoped};

use crate::common::{Fallible, Plain};

const BODY: usize = 1024;

/// What one block may add, whatever its body is.
const BLOCK: usize = 120;

/// What one of several items may add: also how its error becomes that of the block.
const ITEM: usize = 144;

/// What a block may add whose body may return and fail, beside what it returns.
const WITH_WAYS_OUT: usize = 176;

/// What the managers' values and the result take together: `()` and a byte, aligned.
const VALUES: usize = 8;

async fn big() -> u8 {
    let buffer = [1_u8; BODY];
    tokio::task::yield_now().await;
    buffer[BODY - 1]
}

#[track_caller]
fn expect(what: &str, future: &impl Future<Output = u8>, blocks: usize) -> usize {
    let (size, inside) = (size_of_val(future), size_of_val(&big()));
    println!("{what}: {size} bytes, {} more than the body", size - inside);
    assert!(size <= inside + blocks + VALUES, "{what}: {size} bytes");
    size
}

#[tokio::test]
async fn nesting_adds_the_same_for_each_block() {
    let one = async { async_with!(Plain => { big().await }) };
    let two = async { async_with!(Plain => { async_with!(Plain => { big().await }) }) };
    let three =
        async { async_with!(Plain => { async_with!(Plain => { async_with!(Plain => { big().await }) }) }) };
    let first = expect("one block", &one, BLOCK);
    let second = expect("two blocks", &two, 2 * BLOCK);
    let third = expect("three blocks", &three, 3 * BLOCK);
    // Some bytes are saved or lost by alignment.
    assert!((third - second).abs_diff(second - first) <= 64);
    assert_eq!(three.await + two.await + one.await, 3);
}

#[tokio::test]
async fn items_add_what_nested_blocks_do() {
    let items = async { async_with!(Plain, Plain, Plain => { big().await }) };
    expect("three items", &items, 3 * ITEM);
    assert_eq!(items.await, 1);
}

#[tokio::test]
async fn ways_out_and_errors_add_little() {
    async fn leaves(text: &str) -> u8 {
        loop {
            let result = async_with!(Fallible => {
                async_with!(Plain => {
                    match text {
                        "return" => return 2,
                        "break" => break 3,
                        _ => big().await,
                    }
                })
            });
            return result.unwrap();
        }
    }

    let future = leaves("");
    expect("two blocks with ways out", &future, 2 * WITH_WAYS_OUT);
    assert_eq!(future.await, 1);
    assert_eq!(leaves("return").await + leaves("break").await, 5);
}

#[tokio::test]
async fn the_rest_of_a_block_adds_what_a_body_with_ways_out_does() {
    #[scoped]
    async fn one() -> u8 {
        #[enter]
        let () = Plain;
        big().await
    }
    #[scoped]
    async fn two() -> u8 {
        #[enter]
        let () = Plain;
        #[enter]
        let () = Plain;
        big().await
    }
    #[scoped]
    async fn in_a_loop() -> u8 {
        #[enter]
        let () = Plain;
        loop {
            #[enter]
            let () = Plain;
            break big().await;
        }
    }

    let (one, two, in_a_loop) = (one(), two(), in_a_loop());
    expect("the rest of a function", &one, WITH_WAYS_OUT);
    expect("two rests of a function", &two, 2 * WITH_WAYS_OUT);
    expect("the rest of a loop's turn", &in_a_loop, 2 * WITH_WAYS_OUT);
    assert_eq!(one.await + two.await + in_a_loop.await, 3);
}

#[tokio::test]
async fn a_body_that_gives_a_big_value_holds_it_few_times() {
    let future = async {
        let buffer = async_with!(Plain => {
            tokio::task::yield_now().await;
            [1_u8; BODY]
        });
        buffer[0]
    };
    let size = size_of_val(&future);
    println!("a value of {BODY} bytes: {size} bytes");
    assert!(size <= BODY + 2 * BLOCK, "{size} bytes");
    assert_eq!(future.await, 1);
}
