//! Python looks for methods of the right names. Rust looks for the trait: the methods go into its `impl`, with the types of
//! the value and the error.

use async_with::{AsyncContextManager, Outcome, async_with};

struct Example {
    enter: u32,
    exit: fn(),
}

impl AsyncContextManager for Example {
    type Value = u32;
    type Error = std::io::Error;

    async fn enter(&mut self) -> std::io::Result<u32> {
        (self.exit)();
        Ok(self.enter)
    }

    async fn exit(self, _value: u32, _outcome: Outcome) -> std::io::Result<()> {
        Ok(())
    }
}

async fn run() -> std::io::Result<()> {
    async_with!(Example { enter: 1, exit: || () } as example => {
        println!("{example}");
    })
}

#[tokio::test]
async fn works() {
    run().await.unwrap();
}
