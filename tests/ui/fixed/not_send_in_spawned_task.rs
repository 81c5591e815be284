//! A task that `tokio::spawn` starts may go on on another thread, and its manager with it. One that cannot is for a task
//! that stays: in a `LocalSet`, or in the function itself.

use async_with::async_with;

use crate::managers::Local;

async fn run() {
    let tasks = tokio::task::LocalSet::new();
    tasks.spawn_local(async {
        async_with!(Local(std::rc::Rc::new(())) => {});
    });
    tasks.await;
}

#[tokio::test]
async fn works() {
    run().await;
}
