//! The manager is in the parentheses. Its name may be left out, as in the macro.

use async_with::within;

use crate::managers::Session;

#[within(Session)]
async fn one() {}

#[within(Session as session)]
async fn two() -> usize {
    session.len()
}

#[within(crate = async_with, Session)]
async fn three() {}

#[tokio::test]
async fn works() {
    one().await;
    assert_eq!(two().await, "session".len());
    three().await;
}
