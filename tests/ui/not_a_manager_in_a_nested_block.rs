//! The same in a nested block that is expanded together with the one around it, for the sake of a `break`.

use async_with::async_with;
use managers::Session;

async fn run() {
    loop {
        async_with!(Session as session => {
            async_with!(session.len() as length => {
                if *length == 0 {
                    break;
                }
            });
        });
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
