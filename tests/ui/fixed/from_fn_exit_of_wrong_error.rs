//! A manager has one error. Let `exit` convert its own into that of `enter`.

use async_with::{AsyncContextManager, from_fn};

fn manager() -> impl AsyncContextManager<Value = u32, Error = std::io::Error> {
    from_fn(|| async { Ok(1) }, |_value, _outcome| async { report().map_err(std::io::Error::other) })
}

fn report() -> std::fmt::Result {
    Err(std::fmt::Error)
}

#[tokio::test]
async fn works() {
    async_with::async_with!(manager() => {}).unwrap_err();
}
