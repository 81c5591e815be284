//! In Python, an `__aexit__` that returns `True` swallows the exception. Here this is a trait of its own, `Suppress`. The
//! value of a block over such a manager is an `Option`, so that nobody overlooks it.

use async_with::{AsyncContextManager, Outcome, Suppress};

struct Swallowing;

impl AsyncContextManager for Swallowing {
    type Value = ();
    type Error = std::io::Error;

    async fn enter(&mut self) -> Result<(), std::io::Error> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: Outcome) -> Result<(), std::io::Error> {
        Ok(())
    }
}

impl Suppress for Swallowing {
    fn suppress(&mut self, _value: &mut (), _outcome: Outcome) -> bool {
        true
    }
}

#[tokio::test]
async fn works() {
    let failed = async_with::async_with!(Swallowing => { "five".parse::<u32>() });
    assert_eq!(failed.unwrap(), None);
}
