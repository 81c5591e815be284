//! `enter` and `exit` are `async fn`, also if they await nothing. For a manager that never awaits there is the trait
//! `ContextManager`, whose methods are plain.

use async_with::{AsyncContextManager, Outcome};

struct Eager;

impl AsyncContextManager for Eager {
    type Value = ();
    type Error = std::io::Error;

    async fn enter(&mut self) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), std::io::Error> {
        Ok(())
    }
}

#[tokio::test]
async fn works() {
    async_with::async_with!(Eager => {}).unwrap();
}
