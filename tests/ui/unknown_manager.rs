//! A manager whose type rustc does not know, because of a mistake: nothing is said of what follows from it.

use async_with::{async_with, scoped, with, within};
use managers::Session;

async fn value() {
    async_with!(conection as connection => { println!("{connection}"); });
}

async fn result() -> std::io::Result<u32> {
    let length = async_with!(Session as session, session.connect() as connection => connection.length() + 1)?;
    Ok(length)
}

fn synchronous() -> u32 {
    with!(indent() as indent => indent.len())
}

async fn list() -> usize {
    async_with!(vec![conection] as connections => connections.len())
}

#[within(conect(), Session as session)]
async fn function() -> usize {
    session.len()
}

#[scoped]
async fn rest() -> u32 {
    #[enter]
    let session = sesion();
    session.length()
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
