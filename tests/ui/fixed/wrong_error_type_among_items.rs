//! A block has one error type: that of its first manager that can fail. The errors of the others are converted into it with
//! `From`. Where there is no such `From`, convert on the manager, with `.map_err(…)` from `AsyncContextManagerExt`; or give
//! the first one an error that all others convert into, with `.err_into()`.

use async_with::{AsyncContextManagerExt, async_with};

use crate::managers::{Connection, Lease};

async fn run() -> std::io::Result<u32> {
    let lease = Lease.map_err(|lost| std::io::Error::other(format!("{lost:?}")));
    async_with!(Connection as connection, lease as lease => {
        *connection + *lease
    })
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await.unwrap(), 2);
}
