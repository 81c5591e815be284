//! Something that is no manager, in a list and a tuple; and managers whose errors do not fit.

use async_with::{async_with, within};
use managers::{Connection, Indent, Lease};

struct Plain;

async fn list() {
    async_with!(vec![Plain] as plain => println!("{}", plain.len()));
}

#[within((Connection, Indent) as (connection, indent))]
async fn tuple() -> std::io::Result<()> {
    println!("{connection}{indent}");
    Ok(())
}

async fn errors() -> std::io::Result<()> {
    async_with!((Connection, Lease) as (connection, lease) => println!("{connection}{lease}"))
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
