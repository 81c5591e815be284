//! Entering can fail, so it gives a `Result`. If it cannot, the error is `Infallible`, and a block over it is no `Result`.

use std::convert::Infallible;

use async_with::{AsyncContextManager, from_fn};

fn manager() -> impl AsyncContextManager<Value = u32, Error = Infallible> {
    from_fn(|| async { Ok(1) }, |_value, _outcome| async {})
}

#[tokio::test]
async fn works() {
    assert_eq!(async_with::async_with!(manager() as value => *value), 1);
}
