//! A type that is no manager, in blocks whose value is used as if it were one.

use async_with::{async_with, with};

struct Plain;

async fn asynchronous() -> std::io::Result<usize> {
    let length = async_with!(Plain as plain => plain.len())?;
    Ok(length + 1)
}

fn synchronous() -> std::io::Result<usize> {
    with!(Plain as plain => plain.len())
}

fn main() {}
