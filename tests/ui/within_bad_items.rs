//! Mistakes in the items. The function stays, so that its callers are no second one.

use async_with::within;
use managers::{Connection, Session};

#[within(Session as, Connection connection)]
async fn run(text: &str) -> usize {
    session.len() + connection
}

#[within(Session as session.name)]
async fn not_a_pattern() {}

#[within(Session,, Session)]
async fn two_commas() {}

async fn calls() -> usize {
    not_a_pattern().await;
    two_commas().await;
    run("text").await
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
