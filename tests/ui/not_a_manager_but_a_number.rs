//! A number in the place of the manager.

use async_with::async_with;

async fn run() {
    async_with!(42 as answer => { println!("{answer}"); });
}

fn main() {}
