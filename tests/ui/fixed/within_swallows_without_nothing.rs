//! When the manager swallows the failure, the function has to return something all the same: `()`, `None`, or `Ok` of one of
//! them. There is no such thing as no `usize`.

use async_with::within;

use crate::managers::Session;

#[within(Session as session, Quiet)]
async fn run(fails: bool) -> std::io::Result<Option<usize>> {
    if fails {
        return Err(std::io::Error::other("swallowed"));
    }
    Ok(Some(session.len()))
}

#[tokio::test]
async fn works() {
    assert_eq!(run(false).await.unwrap(), Some("session".len()));
    assert_eq!(run(true).await.unwrap(), None);
}

struct Quiet;

impl async_with::AsyncContextManager for Quiet {
    type Value = ();
    type Error = std::io::Error;

    async fn enter(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    async fn exit(self, _value: (), _outcome: async_with::Outcome) -> std::io::Result<()> {
        Ok(())
    }
}

impl async_with::Suppress for Quiet {
    fn suppress(&mut self, _value: &mut (), _outcome: async_with::Outcome) -> bool {
        true
    }
}
