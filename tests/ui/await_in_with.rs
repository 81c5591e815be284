//! An `.await` in the body of a `with!`.

use async_with::with;
use managers::Indent;

async fn run() {
    with!(Indent as indent => {
        tokio::task::yield_now().await;
        println!("{indent}");
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
