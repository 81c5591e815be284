//! `#[within]` without a manager.

use async_with::within;

#[within]
async fn one() {}

#[within()]
async fn two() -> u32 {
    2
}

#[within(crate = async_with)]
async fn three() {}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
