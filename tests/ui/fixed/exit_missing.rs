//! Both ends are part of the protocol. A manager that has nothing to do at one of them says so.

use async_with::{AsyncContextManager, Outcome};

struct HalfManager;

impl AsyncContextManager for HalfManager {
    type Value = ();
    type Error = std::io::Error;

    async fn enter(&mut self) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), outcome: Outcome) -> Result<(), std::io::Error> {
        println!("the body has ended: {outcome}");
        Ok(())
    }
}

#[tokio::test]
async fn works() {
    async_with::async_with!(HalfManager => {}).unwrap();
}
