//! A `break` that a macro hides.

use async_with::async_with;
use managers::Session;

macro_rules! leave {
    () => {
        break
    };
}

async fn run() {
    loop {
        async_with!(Session => { leave!(); });
    }
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
