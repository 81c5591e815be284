//! What is entered has to say how: implement `AsyncContextManager`. If another crate has the type, wrap it in one of your
//! own, or make a manager on the spot with `from_fn` or `context`.

use std::convert::Infallible;

use async_with::{AsyncContextManager, Outcome, async_with};

struct Plain;

impl AsyncContextManager for Plain {
    type Value = String;
    type Error = Infallible;

    async fn enter(&mut self) -> Result<String, Infallible> {
        Ok("hello".to_owned())
    }

    async fn exit(self, _greeting: String, _outcome: Outcome) -> Result<(), Infallible> {
        println!("goodbye");
        Ok(())
    }
}

async fn run() {
    async_with!(Plain as greeting => {
        println!("{greeting}");
    });
}

#[tokio::test]
async fn works() {
    run().await;
}
