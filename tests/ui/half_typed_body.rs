//! Code that is being typed: one error, at the dot, whatever else is in the body.

use async_with::async_with;
use managers::Session;

async fn run() {
    loop {
        async_with!(Session as session => {
            if session.is_empty() {
                break;
            }
            session.
        });
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
