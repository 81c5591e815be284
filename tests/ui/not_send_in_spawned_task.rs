//! A manager that cannot leave its thread, in a spawned task.

use async_with::async_with;
use managers::Local;

fn run() {
    tokio::spawn(async {
        async_with!(Local(std::rc::Rc::new(())) => {});
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
