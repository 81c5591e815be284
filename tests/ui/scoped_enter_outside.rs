//! `#[enter]` in a function without `#[scoped]`.

use managers::Session;

async fn run() {
    #[enter]
    let _session = Session;
    println!("in the session");
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
