//! A type with neither protocol, in `with!`.

use async_with::with;

struct Plain;

fn run() {
    with!(Plain as plain => {
        plain.greet();
    });
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
