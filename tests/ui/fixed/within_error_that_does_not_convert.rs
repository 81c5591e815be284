//! The error of the function has to be made from that of each manager, with `From`. Where it cannot, convert on the manager,
//! with `.map_err(…)` from `AsyncContextManagerExt`.

use async_with::{AsyncContextManagerExt, within};

use crate::managers::{Connection, Lease};

#[within(Connection as connection, Lease.map_err(|_lost| std::io::Error::other("lost")) as lease)]
async fn run() -> std::io::Result<u32> {
    Ok(*connection + *lease)
}

#[tokio::test]
async fn works() {
    assert_eq!(run().await.unwrap(), 2);
}
