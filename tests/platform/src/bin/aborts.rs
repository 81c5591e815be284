//! Leaves blocks, the last one by a panic. Built with `panic = "abort"` by the test.

use std::future::pending;

use async_with::{async_with, settle};
use platform::{Told, poll, run};

async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    Ok(async_with!(Told => { text.parse::<u32>()? }))
}

async fn panics() {
    async_with!(Told => { panic!("the body panics") });
}

fn main() {
    assert!(run(parse("5")).is_ok());
    assert!(run(parse("five")).is_err());
    assert!(poll(async { async_with!(Told => { pending::<()>().await }) }).is_pending());
    run(settle());
    println!("and now a panic");
    run(panics());
    println!("not reached");
}
