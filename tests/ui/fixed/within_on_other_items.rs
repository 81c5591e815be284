//! Only an `async fn` has a body that can be the block. In an `impl`, the attribute goes on each method.

use async_with::within;

use crate::managers::Session;

pub struct Point {
    x: u32,
}

impl Point {
    #[within(Session as session)]
    async fn run(&self) -> u32 {
        println!("{session}");
        self.x
    }
}

#[tokio::test]
async fn works() {
    assert_eq!(Point { x: 1 }.run().await, 1);
}
