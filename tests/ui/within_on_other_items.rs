//! `#[within]` on what is no function.

use async_with::within;
use managers::Session;

#[within(Session as session)]
pub struct Point {
    x: u32,
}

#[within(Session as session)]
impl Point {
    async fn run(&self) -> u32 {
        self.x
    }
}

#[within(Session)]
mod inner {}

#[within(Session)]
const NUMBER: u32 = 1;

async fn uses(point: Point) -> u32 {
    point.run().await + NUMBER
}

#[path = "../ui_support/mod.rs"]
mod managers;

fn main() {}
