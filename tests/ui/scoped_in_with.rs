//! `#[enter]` in the body of a `with!` that does not await.

use async_with::{scoped, with};
use managers::{Indent, Session};

#[scoped]
async fn run() {
    with!(Indent as indent => {
        #[enter]
        let session = Session;
        session.push_str(indent);
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
