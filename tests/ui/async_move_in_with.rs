//! An `async move` body of a `with!`.

use async_with::with;
use managers::Indent;

async fn run() {
    with!(Indent => async move { tokio::task::yield_now().await; });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
