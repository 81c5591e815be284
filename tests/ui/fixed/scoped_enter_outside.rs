//! `#[scoped]` on the function gives `#[enter]` its meaning; `#[enter]` itself needs no import. A function that stands inside of
//! another one needs a `#[scoped]` of its own.

use async_with::scoped;

use crate::managers::Session;

#[scoped]
async fn run() {
    #[enter]
    let _session = Session;
    println!("in the session");
}

#[tokio::test]
async fn works() {
    run().await;
}
